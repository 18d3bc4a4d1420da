"""Files are kept under names of ours, and called by names that fit their content."""

import pytest

from core import files
from core.files import MAX_NAME, Checked, safe_name
from core.tests.file_samples import PDF


class TestNames:
    """What a file is called at the other end."""

    @pytest.mark.parametrize(
        ("given", "kept"),
        [
            ("", "file.pdf"),
            (".", "file.pdf"),
            ("..", "file.pdf"),
            ("../../etc/passwd", "passwd.pdf"),
            ("C:\\Windows\\system32\\cmd.exe", "cmd.pdf"),
            ("a/b\\c.pdf", "c.pdf"),
            ("/", "file.pdf"),
            ("invoice.pdf/", "file.pdf"),
            ("in\x00vo\r\nice\x1b[0m.pdf", "invoice[0m.pdf"),
            ("invoice\u202efdp.exe", "invoicefdp.pdf"),
            ("a\u200bb\ud800.pdf", "ab.pdf"),
            ('a<b>:"|?*c.pdf', "abc.pdf"),
            (".htaccess", "htaccess.pdf"),
            ("invoice.tar.gz", "invoice.tar.pdf"),
            ("Prüfung №7.pdf", "Prüfung №7.pdf"),
            ("  spaced  .pdf ", "spaced  .pdf"),
            ("invoice.pdf. . .", "invoice.pdf"),
        ],
    )
    def test_one_has_no_path_no_control_characters_and_our_ending(self, given, kept):
        assert safe_name(given, "application/pdf") == kept

    @pytest.mark.parametrize("length", [MAX_NAME - 4, MAX_NAME, 10_000])
    def test_a_long_one_is_cut_and_keeps_its_ending(self, length):
        name = safe_name("x" * length, "application/pdf")
        assert len(name) == MAX_NAME
        assert name.endswith("x.pdf")


class TestKeeping:
    """Where they are."""

    def test_one_is_kept_under_a_name_of_ours_until_it_is_removed(self):
        name = files.store(Checked(PDF, "application/pdf", "secret.pdf"), "letters")
        assert name.startswith("letters/")
        assert name.endswith(".pdf")
        assert "secret" not in name
        assert files.read(name) == PDF
        files.remove(name)
        assert files.read(name) is None
        assert not files.storage().exists(name)
        files.remove(name)

    def test_two_of_the_same_are_two(self):
        checked = Checked(PDF, "application/pdf", "a.pdf")
        assert files.store(checked, "letters") != files.store(checked, "letters")

    def test_one_whose_type_is_unknown_has_an_ending_that_opens_nowhere(self):
        assert files.store(Checked(PDF, files.UNKNOWN_TYPE, "a.bin"), "letters").endswith(".bin")
