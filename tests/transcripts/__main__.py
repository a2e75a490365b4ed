"""Play everything, and write it into the pages and pictures: `make pages`."""

from __future__ import annotations

from tests.server import ServerUnderTest
from tests.transcripts.pages import PAGES, PICTURES, ROOT, picture, written
from tests.transcripts.plays import PLAYS


def main() -> None:
    """Write what has changed, and name it."""
    scenes: dict[str, list[str]] = {}
    with ServerUnderTest.running() as server:
        for name, play in PLAYS.items():
            print(f"pages: {name}", flush=True)  # noqa: T201 - somebody waits
            scenes.update(play(server))
    new = {page: written(page.read_text("utf-8"), scenes) for page in PAGES}
    for name, scene in PICTURES.items():
        new[ROOT / "docs" / "pictures" / f"{name}.svg"] = picture(scenes[scene], name)
    for path, text in new.items():
        if not path.exists() or path.read_text("utf-8") != text:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, "utf-8")
            print(f"pages: wrote {path.relative_to(ROOT)}")  # noqa: T201


if __name__ == "__main__":
    main()
