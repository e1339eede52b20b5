"""Dates that spreadsheets make of codes: `1-2` becomes `2-Jan`, `1-févr` or `2026-02-01`. Pure."""

from __future__ import annotations

import re

_NAMES = """
abr abril ago agost agosto août apr april aprile aprilie aprill apríl apríla aprīlis ara aralık aug august augusta
augusti augusts augustus augusztus avg avgust avr avril ağu ağustos bal balandis balandžio birž birželio birželis
bře březen března cze czerwca czerwiec dec decembar december decembra decembrie decembris decembro des desember
desembre dets detsember dez dezember dezembro dhj dhjetor dic dicembre diciembre dub duben dubna déc décembre eki
ekim elo elokuu elokuuta ene enero eyl eylül feb febbraio febr febreiro febrer febrero februar februari februarie
february február februára februāris febrúar fev fevereiro févr février geg gegužė gegužės gen gener gennaio giu
giugno gru grudnia grudzień gruod gruodis gruodžio gush gusht haz haziran heinä heinäkuu heinäkuuta helmi helmikuu
helmikuuta huhti huhtikuu huhtikuuta ian ianuarie iul iulie iun iunie jaan jaanuar jan janar janeiro januar januari
january január januára janv janvier janvāris janúar joulu joulukuu joulukuuta juil juillet juin jul julho juli julij
julio juliol july jun june junho juni junij junio juny juuli juuni júl júla július júlí jún júna június júní jūl
jūlijs jūn jūnijs kas kasım kesä kesäkuu kesäkuuta kol kolovoz kolovoza korr korrik kov kovas kovo kvě květen května
kwi kwiecień kwietnia lapkr lapkritis lapkričio led leden ledna liep liepa liepos lip lipanj lipca lipiec lipnja lis
listopad listopada listopadu loka lokakuu lokakuuta lug luglio lut lutego luty maalis maaliskuu maaliskuuta maart
maerz mag maggio mai maig maijs maio maj maja mar marca march marec marras marraskuu marraskuuta mars mart martie
marts marz marzec marzo març março may mayo mayıs maí mei mrt mrz máj mája május márc március mär märts märz nis
nisan noiembrie nov novembar november novembra novembre novembris novembro noviembre nën nëntor nóv nóvember oca
ocak oct october octobre octombrie octubre okt oktobar oktober oktobris oktoober október októbra ott ottobre out
outubro ožu ožujak ožujka paź październik października pri prill pro prosinac prosinca prosince prosinec qer qershor
rugp rugpjūtis rugpjūčio rugs rugsėjis rugsėjo ruj rujan rujna saus sausio sausis sep sept septembar september
septembra septembre septembrie septembris septiembre set setembre setembro settembre shk shkurt sht shtator sie
sierpień sierpnia sij siječanj siječnja spal spalio spalis srp srpanj srpen srpna srpnja stu studeni studenoga sty
styczeń stycznia svi svibanj svibnja syys syyskuu syyskuuta szept szeptember tammi tammikuu tammikuuta tem temmuz
tet tetor touko toukokuu toukokuuta tra travanj travnja vas vasario vasaris veebr veebruar velj veljača veljače wrz
wrzesień września xan xaneiro xul xullo xuño zář září ágú ágúst ápr április úno únor února červen července červenec
června čvc čvn říj říjen října şub şubat απρ απρίλιοσ απριλίου αυγ αυγούστου αύγ αύγουστοσ δεκ δεκέμβριοσ δεκεμβρίου
ιαν ιανουάριοσ ιανουαρίου ιουλ ιουλίου ιουν ιουνίου ιούλ ιούλιοσ ιούν ιούνιοσ μάι μάιοσ μάρ μάρτιοσ μαρ μαρτίου νοέ
νοέμβριοσ νοε νοεμβρίου οκτ οκτωβρίου οκτώβριοσ σεπ σεπτέμβριοσ σεπτεμβρίου φεβ φεβρουάριοσ φεβρουαρίου авг август
августа апр апрель апреля април бер березень березня вер вересень вересня груд грудень грудня дек декабрь декабря
декември дец децембар жовт жовтень жовтня июл июль июля июн июнь июня квіт квітень квітня лип липень липня лист
листопад листопада лют лютий лютого май мар март марта мая мај нов новембар ное ноември нояб ноябрь ноября окт
октобар октомври октябрь октября сент сентябрь сентября сеп септембар септември серп серпень серпня січ січень січня
трав травень травня феб фебруар фев февр февраль февраля февруари черв червень червня юли юни янв январь января яну
януари јан јануар јануари јул јули јун јуни
"""
"""Months and their abbreviations, folded, in the languages that Latin, Greek and Cyrillic letters are used for: Unicode
CLDR 47, https://cldr.unicode.org."""
MONTHS = frozenset(_NAMES.split())
_WORD = r"(?P<month>[^\W\d_]{3,14})\.?"
_DAY_AND_MONTH = re.compile(rf"[0-9]{{1,2}}[-. /]{{1,2}}{_WORD}(?:[- ](?:[0-9]{{2}}|[0-9]{{4}}))?")
_MONTH_AND_YEAR = re.compile(rf"{_WORD}[- ](?:[0-9]{{2}}|[0-9]{{4}})")
_NUMBERS = re.compile(r"[0-9]{1,2}([./-])[0-9]{1,2}\1(?:19|20)[0-9]{2}")
_ISO = re.compile(r"(?:19|20)[0-9]{2}-[0-9]{2}-[0-9]{2}(?:[ T]00:00(?::00)?)?")
_TWO_NUMBERS = re.compile(r"[0-9]{1,4}[-./ ][0-9]{1,4}")
_DIGITS = re.compile(r"[0-9]+")


def is_date(text: str) -> bool:
    """Whether a spreadsheet shows a date so: with the name of a month, or with the year at the end."""
    found = _DAY_AND_MONTH.fullmatch(text) or _MONTH_AND_YEAR.fullmatch(text)
    if found is not None:
        return found["month"].casefold() in MONTHS
    return _NUMBERS.fullmatch(text) is not None


def is_iso_date(text: str) -> bool:
    """Whether this is a date of ISO 8601, perhaps with midnight."""
    return _ISO.fullmatch(text) is not None


def became_date(code: str, text: str) -> bool:
    """Whether `text` is what a spreadsheet makes of `code`: two numbers, of which the date has one."""
    if not _TWO_NUMBERS.fullmatch(code) or _TWO_NUMBERS.fullmatch(text):
        return False
    if not (_DAY_AND_MONTH.fullmatch(text) or _MONTH_AND_YEAR.fullmatch(text) or is_date(text) or is_iso_date(text)):
        return False
    return not {int(each) for each in _DIGITS.findall(code)}.isdisjoint(map(int, _DIGITS.findall(text)))
