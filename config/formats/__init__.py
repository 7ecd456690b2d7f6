"""How dates are written where no template says it: as on all our pages, and with the 24 hours of UTC."""
