"""`make bench-chat`: sending, delivery, history and unread counters, and search, at the sizes that the product promises."""
