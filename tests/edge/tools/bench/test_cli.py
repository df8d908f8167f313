import pytest

from edge.cli import main, parser


def test_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["bench", "--help"])
    assert "example: caas bench" in capsys.readouterr().out


def test_unknown_figure_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["bench", "--only", "edge_sends,nothing"])
    assert "there is no figure nothing" in capsys.readouterr().err


def test_figure_of_other_adapters_is_refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAAS_ADAPTERS", "embedded")
    assert main(["bench", "--only", "processor_faust"]) == 2
    assert "CAAS_ADAPTERS=embedded" in capsys.readouterr().err
