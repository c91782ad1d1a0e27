from django.urls import path

from places.views import sites

urlpatterns = [path("sites/", sites)]
