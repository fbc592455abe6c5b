"""The standard job (DESIGN: J1), here, in peers, and its floor, measured on real Kafka on one machine.

`load` makes the events, `subjects` says what is measured, `measure` measures one subject, `report` prints. May import
everything; nothing imports it. `python -m bench` runs it.
"""
