import pytest

from service.i18n import load_catalogues
from service.wording import Lang

CATALOGUES = load_catalogues()
ES, EN = CATALOGUES["es"], CATALOGUES["en"]


@pytest.mark.parametrize(
    ("score", "es", "en"),
    [
        (0.873, "87,3 %", "87.3%"),
        (0.001, "0,1 %", "0.1%"),
        (0.999, "99,9 %", "99.9%"),
        (0.0004, "menos de 0,1 %", "less than 0.1%"),
        (0.99999, "más de 99,9 %", "more than 99.9%"),
    ],
)
def test_a_score_is_never_a_flat_nothing_or_everything(score: float, es: str, en: str) -> None:
    assert ES.percent(score) == es.replace(" %", "\N{NO-BREAK SPACE}%")
    assert EN.percent(score) == en


@pytest.mark.parametrize(
    ("size", "written"),
    [(20 * 2**20, "20"), (5_000_000, "5"), (2**20 + 2**19, "1,5"), (2**21 - 1, "1,9")],
)
def test_a_limit_is_never_written_larger_than_it_is(size: int, written: str) -> None:
    assert ES.megabytes(size) == f"{written}\N{NO-BREAK SPACE}MB"


@pytest.mark.parametrize(("n", "words"), [(0, "imágenes"), (1, "imagen"), (2, "imágenes")])
def test_one_is_singular_and_all_else_plural(n: int, words: str) -> None:
    assert ES.count("form.submit_count", n) == f"Etiquetar {n} {words}"


@pytest.mark.parametrize(
    ("lang", "written"), [("es", "JPEG, PNG o AVIF"), ("en", "JPEG, PNG or AVIF")]
)
def test_alternatives_end_with_the_language_s_own_or(lang: Lang, written: str) -> None:
    assert CATALOGUES[lang].alternatives(("JPEG", "PNG", "AVIF")) == written
    assert CATALOGUES[lang].alternatives(("PNG",)) == "PNG"
