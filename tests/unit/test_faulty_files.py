"""A corpus of files with one fault each, made by the table below, and the verdict each must get."""

from __future__ import annotations

import codecs
import gzip
import io
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from loading import (
    ERROR,
    LOGICAL,
    Cell,
    date_cell,
    formula,
    read_bytes,
    shown_cell,
    spec_of,
    workbook,
)

from dlm.contracts import load_contracts
from dlm.errors import DeliveryRefused

E_HEAD = "PATID;DTLAST;STATUS;DTDEATH;CAUSE\n"
E_ONE, E_TWO = "EU01-001;10/04/2019;1;;\n", "EU01-002;26/06/2024;2;26/06/2024;1\n"
E_FIRST, E_SECOND = (line.strip().split(";") for line in (E_ONE, E_TWO))
E_GOOD = E_HEAD + E_ONE + E_TWO
J_HEAD = "症例番号,最終確認日,生死,死亡日,死因\n"
J_ONE, J_TWO = (
    "JP01-001,令和元年5月3日,生存,,\n",
    "JP01-002,２０２４/06/26,死亡,2024/06/26,原病死\n",
)
J_FIRST, J_SECOND = (line.strip().split(",") for line in (J_ONE, J_TWO))
J_GOOD = J_HEAD + J_ONE + J_TWO
US = spec_of("us", "redcap")
U_HEAD = ",".join(US.headers) + "\n"


def us_line(record: str, **values: str) -> str:
    cells = {"record_id": record, "redcap_event_name": "baseline_arm_1", **values}
    assert cells.keys() <= set(US.headers)
    return ",".join(cells.get(header, "") for header in US.headers) + "\n"


U_ONE, U_TWO = us_line("US01-001", age="63"), us_line("US02-004", les_segment="4a")
U_GOOD = U_HEAD + U_ONE + U_TWO
TEXT_HEAD = "PATID;LESNO;STAGE;ACTION;ACTRS;SPECID\n"


def action(reason: str) -> str:
    return TEXT_HEAD + f"EU01-001;1;1;1;{reason};\n" + "EU01-002;1;1;1;close to a vessel;\n"


def parquet(rows: list[list[str]]) -> bytes:
    columns = zip(E_HEAD.strip().split(";"), zip(*rows, strict=True), strict=True)
    table = pa.table({header: list(values) for header, values in columns})
    target = io.BytesIO()
    pq.write_table(table, target, compression="none", use_dictionary=False)
    return target.getvalue()


GOOD_PARQUET = parquet([E_FIRST, E_SECOND])


@dataclass(frozen=True)
class Case:
    """One file and its verdict: records loaded, quarantined (line, code), or refused for a code."""

    name: str
    data: bytes
    refused: str | None = None
    quarantined: tuple[tuple[int, str], ...] = ()
    loaded: list[list[str]] | None = None
    warned: str | None = None
    source: str = "eortc"
    stem: str = "outcome"
    suffix: str = ".csv"


def e(name: str, text: str | bytes, refused: str | None = None, **more: object) -> Case:
    data = text if isinstance(text, bytes) else text.encode()
    return Case(name, data, refused, **more)  # type: ignore[arg-type]


def j(name: str, text: str | bytes, refused: str | None = None, **more: object) -> Case:
    return e(name, text, refused, source="jcog", **more)


def u(name: str, text: str | bytes, refused: str | None = None, **more: object) -> Case:
    return e(name, text, refused, source="us", stem="redcap", **more)


def x(name: str, rows: list[list[object]], refused: str | None = None, **more: object) -> Case:
    return e(name, workbook(("outcome", rows)), refused, suffix=".xlsx", **more)


def zipped(**parts: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return buffer.getvalue()


BOTH = [E_FIRST, E_SECOND]
J_BOTH = [J_FIRST, J_SECOND]
X_HEAD: list[object] = list(E_HEAD.strip().split(";"))
X_ONE: list[object] = [*E_FIRST[:3], None, None]
GOOD_BOOK = workbook(("outcome", [X_HEAD, X_ONE]))
SHEET = "xl/worksheets/sheet1.xml"


def spoiled(part: str, old: str, new: str) -> bytes:
    """A good workbook with a text in one of its parts replaced, or with one part more."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(GOOD_BOOK)) as source, zipfile.ZipFile(buffer, "w") as archive:
        for name in source.namelist():
            text = source.read(name).decode()
            archive.writestr(name, text.replace(old, new) if name == part else text)
        if part not in source.namelist():
            archive.writestr(part, new)
    return buffer.getvalue()


CASES = [
    # ------------------------------------------------ what the file is
    e("empty", b"", "empty_file"),
    e("empty_gzip", gzip.compress(b""), "empty_file", suffix=".csv.gz"),
    e("blank_lines_only", "\n\n\n", "no_header"),
    e("web_page", "<!DOCTYPE html><html><body>Sign in</body></html>", "web_page"),
    e("web_page_utf16", "\ufeff<html><head>".encode("utf-16"), "web_page"),
    e("xml", '<?xml version="1.0"?><Workbook/>', "markup"),
    e("html_table", "<table><tr><td>PATID</td></tr></table>", "markup"),
    e("renamed_workbook", GOOD_BOOK, "workbook"),
    e("old_workbook", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 512, "workbook"),
    e("pdf", b"%PDF-1.7\n", "pdf"),
    e("rtf", b"{\\rtf1 PATID}", "rtf"),
    e("parquet", b"PAR1" + b"\x00" * 64, "parquet"),
    e("zip", zipped(data=E_GOOD.encode()), "zipped"),
    e("gzip_named_csv", gzip.compress(E_GOOD.encode()), "compressed"),
    e("csv_named_gzip", E_GOOD, "not_gzip", suffix=".csv.gz"),
    e("gzip_cut_short", gzip.compress(E_GOOD.encode())[:-9], "damaged_gzip", suffix=".csv.gz"),
    e(
        "gzip_checksum",
        gzip.compress(E_GOOD.encode())[:-8] + b"\x00" * 8,
        "damaged_gzip",
        suffix=".csv.gz",
    ),
    e(
        "gzip_trailing_bytes",
        gzip.compress(E_GOOD.encode()) + b"rest",
        "damaged_gzip",
        suffix=".csv.gz",
    ),
    e(
        "gzip_bomb",
        gzip.compress((E_HEAD + E_ONE * 200_000).encode()),
        "compression_ratio",
        suffix=".csv.gz",
    ),
    e("gzip_web_page", gzip.compress(b"<html><head>"), "web_page", suffix=".csv.gz"),
    e("gzip_in_gzip", gzip.compress(gzip.compress(b"x")), "compressed", suffix=".csv.gz"),
    e("gzip_second_member_cut",
      gzip.compress(E_HEAD.encode()) + gzip.compress(E_ONE.encode())[:-5], "damaged_gzip",
      suffix=".csv.gz"),
    e("gzip_members",
      gzip.compress((E_HEAD + E_ONE).encode()) + gzip.compress(E_TWO.encode()), suffix=".csv.gz",
      loaded=BOTH),
    e("gzip_good", gzip.compress(E_GOOD.encode()), suffix=".csv.gz", loaded=BOTH),
    # ------------------------------------------------ characters
    e("nul", E_HEAD.encode() + b"EU01-001;\x00;1;;\n", "nul_byte"),
    e("utf16_no_mark", E_GOOD.encode("utf-16-le"), "nul_byte"),
    e("latin1_in_utf8", E_HEAD.encode() + b"EU01-001;caf\xe9;1;;\n", "undecodable"),
    e("utf8_cut_inside_character", E_HEAD.encode() + "EU01-001;é".encode()[:-1], "undecodable"),
    e("replacement_character", E_HEAD + "EU01-001;caf\ufffd;1;;\n", "replacement_character"),
    e("utf8_surrogate", E_HEAD.encode() + b"EU01-001;\xed\xa0\x80;1;;\n", "undecodable"),
    e("utf8_mark", b"\xef\xbb\xbf" + E_GOOD.encode(), loaded=BOTH),
    e("utf16_le", codecs.BOM_UTF16_LE + E_GOOD.encode("utf-16-le"), loaded=BOTH),
    e("utf16_be", codecs.BOM_UTF16_BE + E_GOOD.encode("utf-16-be"), loaded=BOTH),
    e("utf16_odd", codecs.BOM_UTF16_LE + E_GOOD.encode("utf-16-le")[:-1], "undecodable"),
    j("cp932", J_GOOD.encode("cp932"), loaded=J_BOTH),
    j("cp932_damaged", (J_HEAD + J_ONE).encode("cp932") + b"\x81\n", "undecodable"),
    j("utf8_damaged_is_no_cp932", J_GOOD.encode()[:-2] + b"\xff\n", "undecodable"),
    j("utf8_with_cp932_record", J_HEAD.encode() + J_ONE.encode("cp932"), "undecodable"),
    j("cp932_unassigned_byte", J_GOOD.encode("cp932") + b"\x80,,,,\n", "undecodable"),
    j("cp932_5c_in_character", (J_HEAD + "JP01-001,表示ソ,,,\n").encode("cp932"),
      loaded=[["JP01-001", "表示ソ", "", "", ""]]),
    e("utf32", E_GOOD.encode("utf-32"), "nul_byte"),
    e("utf16_lone_surrogate", codecs.BOM_UTF16_LE + E_HEAD.encode("utf-16-le") + b"\x00\xd8",
      "undecodable"),
    e("two_marks", b"\xef\xbb\xbf" * 2 + E_GOOD.encode(), "missing_column"),
    j("euc_jp", J_GOOD.encode("euc-jp"), "undecodable"),
    # ------------------------------------------------ header
    e("no_header", E_ONE + E_TWO, "no_header"),
    e("title_line", "Outcome export\n" + E_GOOD, "preamble"),
    e("two_title_lines", "Outcome;;;;\n2024;;;;\n" + E_GOOD, "preamble"),
    e("missing_column", "PATID;DTLAST;STATUS;DTDEATH\nEU01-001;;;\n", "missing_column"),
    e("renamed_column", E_GOOD.replace("CAUSE", "REASON"), "missing_column"),
    e("unknown_column", E_GOOD.replace("CAUSE", "CAUSE;EXTRA"), "unknown_column"),
    e("nameless_column", E_GOOD.replace("CAUSE", "CAUSE;"), "unknown_column"),
    e("doubled_column", E_GOOD.replace("CAUSE", "CAUSE;PATID"), "duplicate_column"),
    e("doubled_after_folding", E_GOOD.replace("CAUSE", "CAUSE;Ｐatid "), "duplicate_column"),
    e("wrong_delimiter", E_GOOD.replace(";", ","), "wrong_delimiter"),
    e("tab_delimiter", E_GOOD.replace(";", "\t"), "wrong_delimiter"),
    e(
        "columns_in_another_order",
        "CAUSE;PATID;DTLAST;STATUS;DTDEATH\n9;EU01-001;10/04/2019;1;\n",
        loaded=[["EU01-001", "10/04/2019", "1", "", "9"]],
        warned="column_order",
    ),
    e("header_folded", " patid ;ＤＴＬＡＳＴ;Status;DTDEATH;cause\n" + E_ONE, loaded=[E_FIRST]),
    e("header_quoted", '"PATID";"DTLAST";"STATUS";"DTDEATH";"CAUSE"\n' + E_ONE, loaded=[E_FIRST]),
    e("header_open_quote", E_GOOD.replace("PATID", '"PATID'), "open_quote"),
    j("header_alias", J_GOOD.replace("症例番号", "登録番号"), loaded=J_BOTH),
    u("redcap_unknown_choice", U_GOOD.replace("___4a", "___9z"), "missing_column"),
    u("redcap_labels_as_header", U_GOOD.replace("record_id", "Record ID"), "missing_column"),
    u("redcap_short_header", ",".join(US.headers[:-1]) + "\n", "missing_column"),
    # ------------------------------------------------ privacy
    e("header_name", E_GOOD.replace("CAUSE", "CAUSE;Patient Name"), "private_data"),
    e("header_dob", E_GOOD.replace("CAUSE", "CAUSE;DOB"), "private_data"),
    e("header_surname_short", E_GOOD.replace("CAUSE", "CAUSE;LNAME"), "private_data"),
    e("header_town_german", E_GOOD.replace("CAUSE", "CAUSE;Ort"), "private_data"),
    j("header_family_name", J_GOOD.replace("死因", "死因,姓（漢字）"), "private_data"),
    e("name_lower_case", action("john smith"), "private_data", stem="disposition"),
    e("name_hiragana", action("やまだ たろう"), "private_data", stem="disposition"),
    e("name_lower_title", action("seen by madame Dupont"), "private_data", stem="disposition"),
    e("name_initial", action("Patient: J. Petrov"), "private_data", stem="disposition"),
    e("number_labelled_short", action("Fallnr. 445566"), "private_data", stem="disposition"),
    e("capital_surnames_as_identifiers", E_HEAD + "NOVAKOVA;;1;;\nHORVAT;;1;;\n", "private_data"),
    e("header_french", E_GOOD.replace("CAUSE", "CAUSE;Date de naissance"), "private_data"),
    e("header_german", E_GOOD.replace("CAUSE", "CAUSE;Geburtsdatum"), "private_data"),
    e("header_mrn", E_GOOD.replace("CAUSE", "CAUSE;hospital_no"), "private_data"),
    e("header_address", E_GOOD.replace("CAUSE", "CAUSE;Adresse"), "private_data"),
    e("header_phone", E_GOOD.replace("CAUSE", "CAUSE;Téléphone"), "private_data"),
    e("header_mail", E_GOOD.replace("CAUSE", "CAUSE;E-Mail"), "private_data"),
    j("header_japanese_name", J_GOOD.replace("死因", "死因,患者氏名"), "private_data"),
    j("header_japanese_birth", J_GOOD.replace("死因", "死因,生年月日"), "private_data"),
    j("header_japanese_chart", J_GOOD.replace("死因", "死因,カルテ番号"), "private_data"),
    u("redcap_header_mrn", U_GOOD.replace("record_id", "record_id,mrn"), "private_data"),
    e("mail_in_text", action("ask j.doe@hospital.example"), "private_data", stem="disposition"),
    e("phone_in_text", action("call +32 2 774 16 11"), "private_data", stem="disposition"),
    e("birth_date_in_text", action("born 12/03/1957"), "private_data", stem="disposition"),
    e("bare_birth_date_in_text", action("12.03.1957"), "private_data", stem="disposition"),
    e("phone_full_width", action("０９０－１２３４－５６７８"), "private_data", stem="disposition"),
    e("phone_london", action("020 7946 0958"), "private_data", stem="disposition"),
    e("phone_with_zero", action("+32(0)2 774 16 11"), "private_data", stem="disposition"),
    e("mail_disguised", action("john(at)hosp.org"), "private_data", stem="disposition"),
    e("birth_date_era", action("S32.3.12生"), "private_data", stem="disposition"),
    e("twelve_digits_in_text", action("1234 5678 9012"), "private_data", stem="disposition"),
    e("name_inside_text", action("patient John Smith refused"), "private_data", stem="disposition"),
    e("name_inside_japanese", action("患者 山田太郎 拒否"), "private_data", stem="disposition"),
    e("name_in_kana", action("ヤマダ タロウ"), "private_data", stem="disposition"),
    e("name_labelled", action("Name: Kowalski"), "private_data", stem="disposition"),
    e("name_with_apostrophe", action("Mrs. O'Brien"), "private_data", stem="disposition"),
    e("street_shortened", action("Hauptstr. 12, 68167 Mannheim"), "private_data",
      stem="disposition"),
    e("chome", action("築地5丁目1-1"), "private_data", stem="disposition"),
    e("name_in_date_column", E_HEAD + "EU01-001;John Smith;1;;\n", "private_data"),
    e("rare_name_as_identifier", E_HEAD + "Kowalski Zbigniew;;1;;\n", "private_data"),
    e("surname_as_identifier", E_HEAD + "Kowalski;;1;;\n", "private_data"),
    j("kanji_as_identifier", J_HEAD + "山本彩,,生存,,\n", "private_data"),
    e("social_security_as_identifier", E_HEAD + "123-45-6789;;1;;\n", "private_data"),
    e("name_after_bad_quote", E_GOOD + 'EU01-003;"a"b;1;John Smith;\n', "private_data"),
    e("name_beside_stray_newline", E_GOOD + "EU01-003;John Smith\rx;1;;\n", "private_data"),
    e("header_next_of_kin", E_GOOD.replace("CAUSE", "CAUSE;next of kin"), "private_data"),
    e("header_german_number", E_GOOD.replace("CAUSE", "CAUSE;Aufnahmenummer"), "private_data"),
    j("header_insurer", J_GOOD.replace("死因", "死因,被保険者番号"), "private_data"),
    e("number_in_text", action("see 20394857"), "private_data", stem="disposition"),
    e("chart_number_in_text", action("MRN: 449201"), "private_data", stem="disposition"),
    e("name_in_text", action("Smith, John"), "private_data", stem="disposition"),
    e("title_in_text", action("Frau Weber asked"), "private_data", stem="disposition"),
    e("street_in_text", action("12 rue de la Paix"), "private_data", stem="disposition"),
    e("numbers_as_identifier", E_HEAD + "4820193;;1;;\n4820194;;1;;\n", "private_data"),
    e("names_as_identifier", E_HEAD + "John Smith;;1;;\n", "private_data"),
    e("phone_in_short_record", E_GOOD + "tel 02 774 16 11;x\n", "private_data"),
    e("mail_after_bad_quote", E_GOOD + 'EU01-003;"a"b j@doe.org;1;;\n', "private_data"),
    u("redcap_mail", U_HEAD + us_line("US01-001", les_segment="a@b.org"), "private_data"),
    u("redcap_phone", U_HEAD + us_line("US01-001", les_segment="212-555-0187"), "private_data"),
    e(
        "day_in_text_is_no_birth_date",
        action("CT of 12/03/2019 and 20190312"),
        stem="disposition",
        loaded=[
            ["EU01-001", "1", "1", "1", "CT of 12/03/2019 and 20190312", ""],
            ["EU01-002", "1", "1", "1", "close to a vessel", ""],
        ],
    ),
    *(
        e(f"no_person_in_text_{n}", action(text), stem="disposition", loaded=[
            ["EU01-001", "1", "1", "1", text, ""],
            ["EU01-002", "1", "1", "1", "close to a vessel", ""],
        ])
        for n, text in enumerate([
            "Karl Storz probe", "St Thomas", "Paul Brousse protocol", "William Harvey Hospital",
            "Max diameter 12 mm", "肝静脈に近接", "name of agent: Primovist", "山口県で撮影",
            "b800 10:30-11:15, seg. S4.5.8", "margin 3000-4000 um", "no. 1-3 of 12",
        ])
    ),
    # ------------------------------------------------ records
    e("short_record", E_GOOD + "EU01-003;;1;\n", quarantined=((4, "field_count"),), loaded=BOTH),
    e("long_record", E_GOOD + "EU01-003;;1;;;\n", quarantined=((4, "field_count"),), loaded=BOTH),
    e(
        "decimal_in_the_middle",
        E_HEAD + "EU01-003;1;2;;;;\n" + E_ONE,
        quarantined=((2, "field_count"),),
        loaded=[E_FIRST],
    ),
    e("joined_with_byte_order_mark", (E_HEAD + E_ONE + "\ufeff" + E_HEAD + E_TWO).encode(),
      quarantined=((3, "second_header"),)),
    e("second_header_full_width", E_HEAD + E_ONE + E_HEAD.replace("PATID", "ＰＡＴＩＤ ") + E_TWO,
      quarantined=((3, "second_header"),)),
    e("second_header_by_alias", E_HEAD + E_ONE + E_HEAD.replace("PATID", "PATIENTID") + E_TWO,
      quarantined=((3, "second_header"),)),
    e("record_of_spaces", E_HEAD + " ;\u3000;; ;\n" + E_ONE, quarantined=((2, "blank_record"),)),
    e("blank_record", E_HEAD + ";;;;\n" + E_ONE, quarantined=((2, "blank_record"),)),
    e("footer", E_GOOD + "2 records exported\n", quarantined=((4, "field_count"),), loaded=BOTH),
    e("footer_in_cells", E_GOOD + "Total;2;;;\n", quarantined=((4, "footer"),), loaded=BOTH),
    j("footer_japanese", J_GOOD + "合計,2件,,,\n", quarantined=((4, "footer"),), loaded=J_BOTH),
    e("header_twice_at_the_top", E_HEAD + E_GOOD, quarantined=((2, "second_header"),),
      loaded=BOTH),
    e("second_header", E_HEAD + E_ONE + E_HEAD + E_TWO, quarantined=((3, "second_header"),)),
    e(
        "second_header_other_case",
        E_HEAD + E_ONE + E_HEAD.lower() + E_TWO,
        quarantined=((3, "second_header"),),
        loaded=BOTH,
    ),
    e("cut_short", E_GOOD + "EU01-003;1", "cut_short"),
    e("no_last_newline", E_GOOD.rstrip("\n"), loaded=BOTH),
    e("blank_lines", E_HEAD + "\n" + E_ONE + "\n\n" + E_TWO + "\n", loaded=BOTH),
    e("spaces_line", E_HEAD + "  \n" + E_ONE, quarantined=((2, "field_count"),), loaded=[E_FIRST]),
    e("exact_duplicate", E_GOOD + E_ONE, loaded=BOTH),
    e("open_quote_at_end", E_GOOD + 'EU01-003;"open;;;\n', "open_quote"),
    e(
        "open_quote_closed_by_another",
        E_HEAD + 'EU01-003;"open;;;\n' + E_ONE + 'EU01-004;"a";;;\n',
        "open_quote",
    ),
    e("closing_quote_lost", E_HEAD + 'EU01-003;"a;1;;\nEU01-004;"b";1;;\n', "open_quote"),
    e("inch_mark", E_GOOD + 'EU01-003;5" probe;1;;\n', quarantined=((4, "bad_quote"),)),
    e("text_after_quote", E_GOOD + 'EU01-003;"a"b;1;;\n', quarantined=((4, "bad_quote"),)),
    e("undoubled_quote", E_GOOD + 'EU01-003;"a "b" c";1;;\n', quarantined=((4, "bad_quote"),)),
    e("backslash_quote", E_GOOD + 'EU01-003;"a \\"b\\" c";1;;\n', quarantined=((4, "bad_quote"),)),
    e("space_before_quote", E_GOOD + 'EU01-003; "a";1;;\n', quarantined=((4, "bad_quote"),)),
    e("field_too_long", E_GOOD + f"EU01-003;{'a' * 65_537};1;;\n",
      quarantined=((4, "field_too_long"),)),
    e("quoted_too_long", E_GOOD + f'EU01-003;"{"a" * 65_537}";1;;\n',
      quarantined=((4, "field_too_long"),)),
    e("endless_quote", E_GOOD + 'EU01-003;"' + "aaaaaaaaa\n" * 7_000 + '";1;;\n', "open_quote"),
    e("stray_carriage_return", E_GOOD + "EU01-003;a\rb;1;;\n", quarantined=((4, "stray_newline"),)),
    e("windows_newlines", E_GOOD.replace("\n", "\r\n"), loaded=BOTH),
    e("old_mac_newlines", E_GOOD.replace("\n", "\r"), loaded=BOTH),
    e("mixed_newlines", E_HEAD + E_ONE + E_TWO[:-1] + "\r\n", loaded=BOTH, warned="mixed_newlines"),
    e("newline_breaks_record", E_HEAD + "EU01-003;10/04\n/2019;1;;\n" + E_ONE,
      quarantined=((2, "field_count"), (3, "field_count")), loaded=[E_FIRST]),
    e(
        "quoted_newlines",
        E_HEAD + 'EU01-001;10/04/2019;1;;"a\nb\r\n""c"""\n' + E_TWO,
        loaded=[[*E_FIRST[:4], 'a\nb\r\n"c"'], E_SECOND],
    ),
    e("values_kept", E_HEAD + "1E5;\u3000 ;-0;=1+1;１２\n",
      loaded=[["1E5", "\u3000 ", "-0", "=1+1", "１２"]]),
    e("separators_kept_apart", E_HEAD + "a\x1fb;c;;;\na;b\x1fc;;;\n",
      loaded=[["a\x1fb", "c", "", "", ""], ["a", "b\x1fc", "", "", ""]]),
    j("wide_comma", J_GOOD + "JP01-003，2020/01/01，生存，，\n", quarantined=((4, "field_count"),),
      loaded=J_BOTH),
    j("comma_in_value", J_GOOD + "JP01-003,2020/01/01,生存,,肺,肝\n",
      quarantined=((4, "field_count"),)),
    u("redcap_short", U_GOOD + "US01-009,baseline_arm_1\n", quarantined=((4, "field_count"),)),
    u("redcap_cut", U_GOOD + "US01-009,baseline_arm_1", "cut_short"),
    u("redcap_second_header", U_GOOD + U_HEAD, quarantined=((4, "second_header"),)),
    # ------------------------------------------------ workbooks
    x("workbook", [X_HEAD, X_ONE], loaded=[E_FIRST]),
    e("workbook_named_gz", GOOD_BOOK, "not_gzip", suffix=".csv.gz"),
    e("workbook_lacks_bytes", GOOD_BOOK[:100] + GOOD_BOOK[120:], "damaged_workbook",
      suffix=".xlsx"),
    e("parquet_not_utf8", GOOD_PARQUET.replace(b"EU01-002", b"EU01-\xff02"), "damaged",
      suffix=".parquet"),
    e("page_named_workbook", "<html><table>", "web_page", suffix=".xlsx"),
    e("quoted_commas", '"' + E_HEAD.strip().replace(";", '","') + '"\n', "wrong_delimiter"),
    e("csv_named_workbook", E_GOOD, "not_a_workbook", suffix=".xlsx"),
    e("old_workbook_named_new", b"\xd0\xcf\x11\xe0" + b"\x00" * 64, "old_workbook", suffix=".xlsx"),
    e("archive_named_workbook", zipped(data=b"x"), "not_a_workbook", suffix=".xlsx"),
    e("workbook_cut_short", GOOD_BOOK[: len(GOOD_BOOK) // 2], "damaged_workbook", suffix=".xlsx"),
    e("workbook_empty", workbook(("Sheet1", [])), "empty_file", suffix=".xlsx"),
    e(
        "two_sheets",
        workbook(("a", [X_HEAD, X_ONE]), ("b", [X_HEAD])),
        "several_sheets",
        suffix=".xlsx",
    ),
    e(
        "named_sheet",
        workbook(("notes", [["x"]]), ("Outcome", [X_HEAD, X_ONE])),
        suffix=".xlsx",
        loaded=[E_FIRST],
    ),
    x("workbook_header_missing", [X_HEAD[:-1], X_ONE[:-1]], "missing_column"),
    x("workbook_title", [["Outcome"], X_HEAD, X_ONE], "preamble"),
    x("workbook_dates", [X_HEAD, ["EU01-001", date_cell(43565), 1, None, None]], loaded=[E_FIRST]),
    x("workbook_number", [X_HEAD, ["EU01-001", None, 1.5, None, 0.1]],
      loaded=[["EU01-001", "", "1,5", "", "0,1"]]),
    x("date_in_code", [X_HEAD, ["EU01-001", None, date_cell(43565), None, None]],
      quarantined=((2, "date_cell"),)),
    x("time_in_date", [X_HEAD, ["EU01-001", date_cell(43565.5), 1, None, None]],
      quarantined=((2, "time_cell"),)),
    x("logical", [X_HEAD, ["EU01-001", None, LOGICAL, None, None]],
      quarantined=((2, "logical_cell"),)),
    x("error_cell", [X_HEAD, ["EU01-001", None, ERROR, None, None]],
      quarantined=((2, "error_cell"),)),
    x("formula", [X_HEAD, ["EU01-001", None, formula("2"), None, None]],
      loaded=[["EU01-001", "", "2", "", ""]]),
    x("formula_without_value", [X_HEAD, ["EU01-001", None, formula(None), None, None], X_ONE],
      quarantined=((2, "formula_without_value"),), loaded=[E_FIRST]),
    x("sixteen_digits", [X_HEAD, ["EU01-001", None, 1234567890123456, None, None]],
      quarantined=((2, "number_precision"),)),
    x("workbook_long_row", [X_HEAD, [*E_FIRST, "more"]], quarantined=((2, "field_count"),)),
    x("tiny_number", [X_HEAD, ["EU01-001", None, Cell("<v>1E-7</v>"), None, None]],
      loaded=[["EU01-001", "", "0,0000001", "", ""]]),
    x("date_that_never_was", [X_HEAD, ["EU01-001", date_cell(60), 1, None, None]],
      quarantined=((2, "date_cell"),)),
    *(
        x(f"shown_{n}", [X_HEAD, ["EU01-001", None, shown_cell(value, code), None, None]],
          quarantined=((2, fault),) if fault else (),
          loaded=[] if fault else [["EU01-001", "", text, "", ""]])
        for n, (value, code, fault, text) in enumerate([
            (0.6, "0%", "percent_cell", ""),
            (0.6, "0.0%;[Red]-0.0%", "percent_cell", ""),
            (12, "00000", "padded_number", ""),
            (12345, "00000", None, "12345"),
            (12, '0" cm"', "number_format", ""),
            (12000, "#,##0,", "number_format", ""),
            (123456, "000\\-000", "number_format", ""),
            (12.345, "0.00", None, "12,345"),
            (1234.5, "#,##0.00", None, "1234,5"),
            (12, '_-* #,##0.00\\ "€"_-;-* #,##0.00\\ "€"_-;_-* "-"??\\ "€"_-;_-@_-', None, "12"),
        ])
    ),
    e("number_shown_with_zeros", workbook(("lesion", [
        list(spec_of("eortc", "lesion").headers),
        ["EU01-001", shown_cell(7, "00000"),
         *[""] * (len(spec_of("eortc", "lesion").headers) - 2)],
    ])), suffix=".xlsx", stem="lesion", loaded=[
        ["EU01-001", "7", *[""] * (len(spec_of("eortc", "lesion").headers) - 2)]]),
    x("blank_row_and_column_first", [[], [None, *X_HEAD],
      [None, "EU01-001", None, shown_cell(0.6, "0%"), None, None], [None, *X_ONE],
      [None, "EU01-002", None, ERROR, None, None]],
      quarantined=((3, "percent_cell"), (5, "error_cell")), loaded=[E_FIRST]),
    e("merged_cells", spoiled(SHEET, "</sheetData>", "</sheetData><mergeCells><mergeCell "
      'ref="A2:A3"/></mergeCells>'), quarantined=((2, "merged_cells"),), suffix=".xlsx"),
    e("far_cell", spoiled(SHEET, "</sheetData>", '<row r="1048576"><c r="XFD1048576"><v>1</v></c>'
      "</row></sheetData>"), "too_large", suffix=".xlsx"),
    e("private_page_header", spoiled(SHEET, "</sheetData>", "</sheetData><headerFooter><oddHeader>"
      "Patient name: Roe</oddHeader></headerFooter>"), "private_data", suffix=".xlsx"),
    e("hidden_form", spoiled("xl/workbook.xml", 'name="outcome"', 'name="outcome" state="hidden"'),
      "hidden_sheet", suffix=".xlsx"),
    e("private_second_sheet", workbook(("outcome", [X_HEAD, X_ONE]), ("notes", [["John Smith"]])),
      "private_data", suffix=".xlsx"),
    e("private_comment", spoiled("xl/comments1.xml", "", "<comments><comment><text><r><t>born </t>"
      "</r><r><t>12/03/1957</t></r></text></comment></comments>"), "private_data",
      suffix=".xlsx"),
    e("picture", spoiled("xl/media/image1.png", "", "PNG"), "unexamined_part", suffix=".xlsx"),
    e("macros", spoiled("xl/vbaProject.bin", "", "x"), "unexamined_part", suffix=".xlsx"),
    x("workbook_replacement_character", [X_HEAD, ["EU01-001", None, 1, None, "caf\ufffd"]],
      "replacement_character"),
    x("workbook_name", [X_HEAD, ["Smith, John", None, 1, None, None]], "private_data"),
]  # fmt: skip


def test_the_corpus_is_large_and_every_case_is_one_of_a_kind() -> None:
    assert len(CASES) >= 80
    assert len({case.name for case in CASES}) == len(CASES)
    assert {case.source for case in CASES} == {"eortc", "jcog", "us"}
    assert {case.suffix for case in CASES} == {".csv", ".csv.gz", ".xlsx", ".parquet"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_verdict(case: Case, tmp_path: Path) -> None:
    where = {"source": case.source, "stem": case.stem, "suffix": case.suffix}
    if case.refused is not None:
        with pytest.raises(DeliveryRefused) as caught:
            read_bytes(tmp_path, case.data, **where)  # type: ignore[arg-type]
        assert case.refused in {problem.code for problem in caught.value.problems}
        return
    outcome = read_bytes(tmp_path, case.data, **where)  # type: ignore[arg-type]
    found = tuple((problem.line, problem.code) for problem in outcome.quarantined)
    assert found == case.quarantined
    if case.loaded is not None:
        assert outcome.records == case.loaded
    assert outcome.warnings == ([case.warned] if case.warned else [])


@pytest.mark.parametrize(
    "secret", ["John Smith", "j.doe@hospital.example", "+32 2 774 16 11", "1957", "20394857"]
)
@pytest.mark.parametrize("place", ["value", "header", "short record"])
def test_a_refusal_never_tells_what_it_found(secret: str, place: str, tmp_path: Path) -> None:
    told = secret if secret != "1957" else "born 12/03/1957"
    data = {
        "value": action(told),
        "header": action("x").replace("SPECID", f"SPECID;{told}"),
        "short record": action("x") + f"{told};x\n",
    }[place]
    with pytest.raises(DeliveryRefused) as caught:
        read_bytes(tmp_path, data.encode(), stem="disposition")
    assert "private_data" in {problem.code for problem in caught.value.problems}
    assert secret not in str(caught.value)
    assert caught.value.__context__ is None or secret not in repr(caught.value.__context__)


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1"])
def test_a_contract_may_declare_western_encodings(encoding: str, tmp_path: Path) -> None:
    contract = replace(load_contracts()["eortc"], encodings=(encoding,))
    data = action("méningé ß").encode(encoding)
    outcome = read_bytes(tmp_path, data, stem="disposition", contract=contract)
    assert outcome.records[0][4] == "méningé ß"


def test_control_characters_are_no_latin_1(tmp_path: Path) -> None:
    data = E_GOOD.encode() + b"EU01-003;\x80;1;;\n"
    contract = replace(load_contracts()["eortc"], encodings=("latin-1",))
    with pytest.raises(DeliveryRefused, match=rf"line 4: byte {data.index(0x80)} is not valid"):
        read_bytes(tmp_path, data, contract=contract)
    contract = replace(contract, encodings=("latin-1", "cp1252"))
    assert read_bytes(tmp_path, data, contract=contract).records[2][1] == "€"


def test_a_byte_that_cp1252_lacks_is_named_with_its_offset(tmp_path: Path) -> None:
    contract = replace(load_contracts()["eortc"], encodings=("cp1252",))
    data = E_GOOD.encode() + b"EU01-003;\x81;1;;\n"
    with pytest.raises(DeliveryRefused, match=rf"line 4: byte {data.index(0x81)} is not valid"):
        read_bytes(tmp_path, data, contract=contract)
