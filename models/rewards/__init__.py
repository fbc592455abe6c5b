"""What a visit was worth: the session reward and its parts, as array functions of what the visit did."""
