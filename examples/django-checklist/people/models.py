from django.contrib.auth.base_user import AbstractBaseUser
from django.db import models


class Team(models.Model):
    name = models.CharField(max_length=80)
    slug = models.SlugField(max_length=80, null=True, unique=True)


class Person(AbstractBaseUser):
    email = models.EmailField(unique=True)
    name = models.CharField(max_length=120)
    team = models.ForeignKey(Team, on_delete=models.PROTECT, null=True, related_name="people")
    is_active = models.BooleanField(default=True)
    locale = models.CharField(max_length=10, default="en")

    USERNAME_FIELD = "email"
