from django.http import HttpRequest, JsonResponse

from places.models import Site


def sites(request: HttpRequest) -> JsonResponse:
    found = Site.objects.select_related("team").order_by("name")
    rows = [{"name": site.name, "team": site.team.slug if site.team else None} for site in found]
    return JsonResponse({"sites": rows})
