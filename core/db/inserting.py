"""Inserting one row where that is most of a request: the ORM puts the same statement together anew each time."""

from functools import cache

from django.db import connection
from django.db.models import Model


def insert(row: Model) -> None:
    """INSERT a row that has its key. No signals, no files; what the database refuses is raised as by `save`."""
    fields = row._meta.concrete_fields
    values = [field.get_db_prep_save(field.pre_save(row, True), connection) for field in fields]  # noqa: FBT003 - as Django calls it
    with connection.cursor() as cursor:
        cursor.execute(_statement(type(row)), values)
    row._state.adding = False


@cache
def _statement(model: type[Model]) -> str:
    columns = ", ".join(f'"{field.column}"' for field in model._meta.concrete_fields)
    places = ", ".join(["%s"] * len(model._meta.concrete_fields))
    return f'INSERT INTO "{model._meta.db_table}" ({columns}) VALUES ({places})'
