// The card that opens on a click. Terms and texts are set as text, so a name can never become markup.

export function openPopover(host, rows, x, y) {
  closePopover(host);
  const card = document.createElement("div");
  card.className = "popover";
  card.setAttribute("role", "status");
  for (const [term, text] of rows) {
    const row = document.createElement("div");
    row.className = term ? "row" : "title";
    if (term) {
      const label = document.createElement("span");
      label.textContent = term;
      row.append(label);
    }
    const value = document.createElement("span");
    value.textContent = text;
    row.append(value);
    card.append(row);
  }
  host.append(card);
  const left = Math.max(8, Math.min(x + 10, host.clientWidth - card.offsetWidth - 8));
  const below = y + 12 + card.offsetHeight <= host.clientHeight;
  card.style.left = `${left}px`;
  card.style.top = `${below ? y + 12 : Math.max(4, y - card.offsetHeight - 10)}px`;
}

export function closePopover(host) {
  host.querySelector(".popover")?.remove();
}
