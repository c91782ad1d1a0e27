"""The models as SQL: `python -m app.ddl > schema/models.sql` declares them to trueup."""

from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from app.models import Base


def main() -> None:
    print("-- Written by `python -m app.ddl`.")
    for table in Base.metadata.sorted_tables:
        statements = [CreateTable(table), *(CreateIndex(index) for index in table.indexes)]
        for statement in statements:
            lines = str(statement.compile(dialect=postgresql.dialect())).strip().splitlines()
            print("\n" + "\n".join(line.rstrip() for line in lines) + ";")


if __name__ == "__main__":
    main()
