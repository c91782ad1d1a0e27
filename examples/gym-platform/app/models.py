"""The tables as the application sees them; schema/ declares them."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Enum, ForeignKey, SmallInteger, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Role(StrEnum):
    OWNER = "owner"
    TRAINER = "trainer"
    TRAINEE = "trainee"


class Gym(Base):
    __tablename__ = "gyms"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class User(Base):
    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    gym_id: Mapped[int] = mapped_column(ForeignKey("gyms.id"))
    email: Mapped[str]
    name: Mapped[str]
    role: Mapped[Role] = mapped_column(
        Enum(Role, name="gym_role", values_callable=lambda roles: [role.value for role in roles])
    )
    hashed_password: Mapped[str | None]


class Workout(Base):
    __tablename__ = "workouts"

    id: Mapped[int] = mapped_column(primary_key=True)
    gym_id: Mapped[int] = mapped_column(ForeignKey("gyms.id"))
    trainer_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    title: Mapped[str]
    starts_at: Mapped[datetime]
    places: Mapped[int] = mapped_column(SmallInteger)


class Booking(Base):
    __tablename__ = "bookings"

    workout_id: Mapped[int] = mapped_column(ForeignKey("workouts.id"), primary_key=True)
    trainee_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)
    booked_at: Mapped[datetime] = mapped_column(server_default=text("now()"))


class Payment(Base):
    __tablename__ = "payments"

    id: Mapped[int] = mapped_column(primary_key=True)
    trainee_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    cents: Mapped[int]
    paid_at: Mapped[datetime] = mapped_column(server_default=text("now()"))
