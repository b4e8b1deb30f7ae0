"""Numbers of cards, which carry a check digit, and of bank accounts, which a bank or a word beside them names."""

import re

from pipeline.stages.screen.pii.forms import (
    BEGIN,
    END,
    NUMBER_SCAN,
    OTHER_NUMBER,
    Form,
    Kind,
    Match,
    after,
    before,
    digits_of,
    heading,
    spaced,
)
from pipeline.table.patterns import pattern


def _card(match: Match) -> bool:
    digits = digits_of(match)
    doubled = [digit * 2 - 9 * (digit > 4) if place % 2 else digit for place, digit in enumerate(reversed(digits))]
    return sum(doubled) % 10 == 0 and len(set(digits)) > 1 and not OTHER_NUMBER.search(before(match))


_BANKS = (
    r"[가-힣]{1,6}(?:은행|뱅크)|[카케토]뱅|농협|신협|수협|새마을금고|우체국(?!\ ?택배)"
    r"|(?i:[a-z]{1,10}\ ?bank|shinhan|kookmin|nonghyup|suhyup|woori|hana|ibk|nh|kb|sc|citi)(?![A-Za-z])"
)
_WORDS = r"계좌|예금주|입금|송금|이체|은행|뱅크|[카케토]뱅|농협|신협|수협|새마을금고|우체국"
_ENGLISH = r"(?i:(?<![a-z])(?:bank|acct|a/c|account|acc[ _-]?no|iban|shinhan|kookmin|woori|nonghyup|suhyup))"
#: A word of an account before the number, and no other number between them.
_NAMED = pattern(rf"(?:{_WORDS}|{_ENGLISH})(?:[^\n0-9]|[0-9](?![0-9-])){{0,15}}$")
#: Names of banks that are words of every day, too: they must be right before the number.
_BANK_NAME = pattern(
    r"(?<![가-힣A-Za-z])(?:(?:KB|NH|IBK|SC|MG)?(?:국민|신한|우리|하나|기업|제일|카카오|토스|케이)|KB|NH|IBK|SC|MG"
    r"|(?i:hana|citi)(?:\ ?bank)?)[ :]{1,2}$"
)
#: The bank behind the number: 110-234-567890 (신한은행).
_BANK_BEHIND = pattern(rf"\s?[(\[/,:|]?\s?(?:{_BANKS}|(?:KB|NH|IBK|SC|MG)?(?:국민|신한|하나|기업|우리)\s?[)\]|])")
_SURE_BANK_BEHIND = pattern(r"\s?[(\[/,:|]?\s?(?:[가-힣]{1,6}은행|[가-힣]{2,5}뱅크|[카케토]뱅|농협|새마을금고)")
_DATE = pattern(r"(?:19|20)\d\d([-./]?)[01]\d\1[0-3]\d(?!\d{1,3}$)")
_ACCOUNT_LABEL = pattern(r"계좌|(?i:account|acct)")


def _account(match: Match) -> bool:
    earlier, sign, digits = before(match, 24), match["s"], digits_of(match)
    if not 10 <= len(digits) <= 14 or len(set(digits)) == 1 or _DATE.match(match[0]):
        return False
    if OTHER_NUMBER.search(earlier) or re.search(r"택배|주문|배송", earlier):
        return False
    if sign and sign != "-":
        return bool(re.search(r"(?:계좌|우체국|[가-힣]은행|뱅크|농협)[^\n0-9]{0,15}$", earlier)) and (
            sign != " " or "계좌" in earlier
        )
    later = after(match, 16)
    if sign and (_BANK_NAME.search(earlier) or "예금주" in later or _BANK_BEHIND.match(later)):
        return True
    if not sign:
        sure = re.search(rf"(?:{_WORDS}|(?i:acct|account[ _-]?n|bank))(?:[^\n0-9]|[0-9](?![0-9-])){{0,15}}$", earlier)
        return bool(sure or _SURE_BANK_BEHIND.match(later) or _ACCOUNT_LABEL.search(heading(match)))
    # In a form the bank may be on the line above.
    lines = match.string[max(0, match.start() - 30) : match.start()].replace("\n", " ")
    return bool(
        _NAMED.search(earlier)
        or _ACCOUNT_LABEL.search(heading(match))
        or re.search(r"(?:은행|계좌)[^0-9]{0,12}번호\W{0,3}$", lines)
    )


CARD = Kind(
    "pii-card",
    "<카드번호>",
    (
        Form(
            spaced(
                rf"{BEGIN}(?:(?:4\d|5[1-5]|2[2-7]|3[56]|6[0-9]|9[0-9])\d\d"
                rf"(?P<s>[-.\ /_·]?)\d{{4}}(?P=s)\d{{4}}(?P=s)\d{{4}}"
                rf"|3[47]\d\d(?P<t>[-.\ /_·]?)\d{{6}}(?P=t)\d{{5}}){END}"
            ),
            _card,
            NUMBER_SCAN,
            15,
        ),
    ),
)
ACCOUNT = Kind(
    "pii-account",
    "<계좌번호>",
    (
        Form(
            spaced(rf"{BEGIN}(?:\d{{2,6}}(?P<s>[-\ ./_·])\d{{2,7}}(?:(?P=s)\d{{1,7}}){{1,2}}|\d{{10,14}}){END}"),
            _account,
            NUMBER_SCAN,
            10,
        ),
    ),
)
