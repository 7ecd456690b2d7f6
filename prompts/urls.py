from django.urls import path

from prompts.views import builder, documentation, importing, prompts, versions

urlpatterns = [
    path("app/<slug:slug>/prompts/", prompts.list_prompts, name="prompts"),
    path("app/<slug:slug>/prompts/new/", prompts.create, name="prompt-new"),
    path("app/<slug:slug>/prompts/<int:pk>/", prompts.show, name="prompt"),
    path("app/<slug:slug>/prompts/<int:pk>/edit/", prompts.edit, name="prompt-edit"),
    path("app/<slug:slug>/prompts/<int:pk>/archive/", prompts.archive, name="prompt-archive"),
    path("app/<slug:slug>/prompts/<int:pk>/restore/", prompts.restore, name="prompt-restore"),
    path("app/<slug:slug>/prompts/<int:pk>/deactivate/", versions.deactivate, name="prompt-deactivate"),
    path("app/<slug:slug>/prompts/<int:pk>/versions/new/", versions.create, name="version-new"),
    path(
        "app/<slug:slug>/prompts/<int:pk>/versions/<int:number>/activate/",
        versions.activate,
        name="version-activate",
    ),
    path("app/<slug:slug>/builder/", builder.show, name="builder"),
    path("app/<slug:slug>/builder/code/", builder.code, name="builder-code"),
    path("app/<slug:slug>/builder/import/", importing.show, name="import"),
    path("docs/", documentation.index, name="docs"),
    path("docs/search/", documentation.find, name="docs-search"),
    path("docs/<slug:page>/", documentation.page, name="docs-page"),
    path("api/schema/", documentation.schema, name="schema"),
]
