"""An expression told: in words, side by side with another, as a page of reference."""
