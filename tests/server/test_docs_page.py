"""The documentation page."""

from __future__ import annotations

from avatar.server.docs_page import docs_page


def test_text_from_the_description_never_becomes_markup() -> None:
    page = docs_page(
        {
            "info": {"title": "A <b>", "version": "1"},
            "paths": {
                "/x/{id}": {
                    "get": {
                        "description": "One.\n\nTwo <script>alert(1)</script>.",
                        "parameters": [{"name": "id", "in": "path", "required": True, "description": '"quoted" & <i>'}],
                        "responses": {"200": {"description": "Fine.", "content": {"image/jpeg": {}}}},
                    }
                }
            },
        }
    )
    assert "<script" not in page
    assert "<p>One.</p>" in page
    assert "&lt;script&gt;" in page
    assert "A &lt;b&gt;" in page
    assert "Fine. · image/jpeg" in page
