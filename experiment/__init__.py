"""Work that outlives a page: jobs today; design, measurements and refinement later."""
