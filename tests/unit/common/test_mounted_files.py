"""Rotated files are noticed, each as soon as it is complete."""

from pathlib import Path

import pytest

from adclicks.mounted_files import MountedFiles, certificate_files
from adclicks.settings import KafkaSettings, SettingsError, read
from testbed.certificates import MountedSecret


def test_a_swapped_secret_is_noticed(tmp_path: Path) -> None:
    """The kubelet swaps a link: the paths stay, the files behind them are others."""
    mounted = MountedSecret(tmp_path / "secret", {"ca.crt": b"a", "user.key": b"b"})
    files = MountedFiles([mounted.path("ca.crt"), mounted.path("user.key")])
    assert not files.rotated()
    mounted.replace({"ca.crt": b"a", "user.key": b"c"})
    assert files.rotated()


def test_a_missing_file_is_one_in_mid_rotation(tmp_path: Path) -> None:
    """A client that is made now could not read it."""
    path = tmp_path / "ca.crt"
    path.write_text("a")
    files = MountedFiles([str(path)])
    path.unlink()
    assert not files.rotated()
    path.write_text("b and more")
    assert files.rotated()


def test_a_certificate_that_comes_into_a_folder_is_noticed(tmp_path: Path) -> None:
    """While Strimzi replaces a CA, the old one lies beside the new one."""
    mounted = MountedSecret(tmp_path / "ca", {"ca.crt": b"old", "ca.p12": b"binary"})
    files = MountedFiles([str(mounted.folder)])
    mounted.replace({"ca.crt": b"new", "ca-2026-11-25.crt": b"old", "ca.p12": b"binary"})
    assert files.rotated()
    assert [path.name for path in certificate_files(str(mounted.folder))] == ["ca-2026-11-25.crt", "ca.crt"]


@pytest.mark.parametrize("path", ["missing", "empty"])
def test_a_ca_that_is_not_there_is_told_at_start(tmp_path: Path, path: str) -> None:
    """The variable is named; a folder without a certificate is none."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(
        SettingsError, match=r"KAFKA_CA_FILE must be the path of a file that can be read, or of a folder"
    ):
        read(KafkaSettings, {"KAFKA_ADDRESS": "kafka:9092", "KAFKA_CA_FILE": str(tmp_path / path)})
