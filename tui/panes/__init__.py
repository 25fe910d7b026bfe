"""What the screen of the terminal app is made of: one module a pane, with its stylesheet beside it."""
