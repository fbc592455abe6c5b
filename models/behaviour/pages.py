"""The current page, and what a page view says: quick backs, reloads, abandoned forms."""

from __future__ import annotations

from models.behaviour.bounds import BOUNDS
from models.behaviour.codes import CHECKOUT, FORM_SUBMIT, INPUT, PAGE_VIEW, PURCHASE
from models.jit import Record, njit


@njit
def is_another_page(row: Record, event: Record) -> bool:
    """Whether the event is a page view of another page than the current one; the first page of a visit is another."""
    return bool(event.type == PAGE_VIEW and event.page != row.page)


@njit
def fold_pages(row: Record, event: Record, offset: int, another_page: bool) -> None:
    """Judge a page view, `offset` ms after the visit's start, and make its page the current one."""
    if another_page:
        if event.page == row.page_before and offset - row.page_entered <= BOUNDS.quick_back_ms:
            row.quick_backs += 1
        row.pages += 1
        row.page_before = row.page
        row.page = event.page
        row.page_entered = offset
        row.out_of_stock_in_view = 0
    elif event.type == PAGE_VIEW:
        row.reloads += 1


@njit
def fold_forms(row: Record, event: Record, another_page: bool) -> None:
    """Inputs open with an input, and close when submitted, paid or left."""
    if event.type == INPUT:
        row.inputs_open = 1
        if event.page_type == CHECKOUT:
            row.checkout_inputs += 1
    elif event.type == FORM_SUBMIT or event.type == PURCHASE:
        row.inputs_open = 0
    elif another_page and row.inputs_open:
        row.form_abandons += 1
        row.inputs_open = 0
