from reconciler.session.people_import import PeopleImportOptions


def test_an_import_writes_text_and_files_by_default() -> None:
    options = PeopleImportOptions("import csv")
    assert (options.format, options.dry_run, options.check, options.approve) == ("text", False, False, None)
