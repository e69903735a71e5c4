"""One table: texts, and exactly what each recogniser finds there. Brackets mark the spans; a bar parts texts."""

from __future__ import annotations

import re

import pytest

from privet.deidentify.detect import find_in_text
from privet.deidentify.recogniser import compiled, recognisers

FOUND = [
    ("email", "write to [jane.doe+x@mail.example.org]."),
    ("email", "請寄[a.b@example.com.tw]，謝謝"),
    ("email", "<[007@example.co.uk]>;[x_1@b-c.io]"),
    ("url", "see [https://example.org/people/jane?id=7], then"),
    ("url", "網址[www.example.com.tw/a]。"),
    ("ip_address", "from [192.168.7.44]:8080 and [10.0.0.1]."),
    ("ip_address", "ping [2001:db8::ff00:42:8329] or [fe80::1], not 12:30:45"),
    ("mac_address", "card [00:1B:44:11:3A:B7] and [DE-AD-BE-EF-00-01] and [001b.4411.3ab7]"),
    ("phone", "call [+886 912 345 678] or [(02) 2345-6789]"),
    ("phone", "請打[0912-345-678]或[0227208889]"),
    ("phone", "手机[13812345678]，座机[010-12345678]"),
    ("phone", "phone [(415) 555-0132], [415-555-0132 x22] or [+1 415 555 0132]"),
    ("phone", "電話：[2345 6789]（香港）"),
    ("phone", "Tel. [+852 2345 6789]"),
    ("phone", "Tel. [+44 20 7946 0958] or [020 7946 0958]"),
    ("credit_card", "card [4111 1111 1111 1111] or [3782-822463-10005] or [6200000000000005]"),
    ("credit_card", "卡號[5500005555555559]號"),
    ("iban", "IBAN [GB82 WEST 1234 5698 7654 32] and more"),
    ("iban", "pay [de89370400440532013000] now"),
    ("swift_code", "BIC [DEUTDEFF500], SWIFT code: [CTCBTWTP]"),
    ("crypto_wallet", "to [1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa]"),
    ("crypto_wallet", "to [bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq], [0x52908400098527886E0F7030069857D2E4169EE7]"),
    ("us_ssn", "SSN [536-90-4399], ssn [536904399]"),
    ("us_itin", "ITIN [912-70-1234]"),
    ("us_passport", "passport [C01234567] or passport number [123456789]"),
    ("us_driver_licence", "driver's license [D1234567], driver license number: [F123-456-78-901-0]"),
    ("us_npi", "NPI [1234567893]"),
    ("us_mbi", "Medicare [1EG4-TE5-MK73]"),
    ("us_dea", "DEA [AB1234563]"),
    ("uk_nhs", "NHS number [943 476 5919], NHS [9434765919]"),
    ("uk_nino", "NI [AB 12 34 56 C] and [JG103759A]"),
    ("spain_id", "DNI [12345678Z], NIE [X1234567L], [12.345.678-Z]"),
    ("italy_fiscal_code", "codice fiscale [RSSMRA85T10A562S]"),
    ("poland_pesel", "PESEL [44051401359]"),
    ("finland_hetu", "hetu [131052-308T]"),
    ("netherlands_bsn", "BSN [111222333]"),
    ("belgium_national_number", "nummer [85.07.30-033.28]"),
    ("germany_tax_id", "Steuer-ID 7: steuernummer [86095742719]"),
    ("india_aadhaar", "Aadhaar [2341 2341 2346], aadhaar [234123412346]"),
    ("india_pan", "PAN [ABCPE1234F]"),
    ("japan_my_number", "マイナンバー[123456789018]です"),
    ("korea_rrn", "주민등록번호 [900101-1234567]"),
    ("singapore_nric", "NRIC [S1234567D]"),
    ("taiwan_id", "身分證字號[A123456789]已登記，居留證[A800000014]號"),
    ("taiwan_id", "身分證字號[Ａ１２３４５６７８９]已登記"),
    ("taiwan_resident_certificate", "居留證[AC01234567]號"),
    ("taiwan_business_number", "統一編號[04595257]"),
    ("taiwan_health_card", "健保卡號碼[000012345678]"),
    ("china_id", "身份证号[11010519491231002X]。"),
    ("china_id", "身份证号[１１０１０５１９４９１２３１００２Ｘ]。"),
    ("hong_kong_id", "身份證[A123456(3)], HKID [AB9876543]"),
    ("medical_record_number", "MRN [00123456], 病歷號[A-123456]"),
    ("birth_date", "born on [12 March 1985], date of birth [March 12, 1985]"),
    ("birth_date", "生日[民國75年3月2日]，出生[1986年3月2日]"),
    ("birth_date", "DOB: [03/12/1985]"),
    ("postcode", "ZIP: [94110-1234], postcode [SW1A 1AA]"),
    ("licence_plate", "車牌[ABC-1234]，车牌[京A12345]"),
    ("licence_plate", "number plate [AB12 CDE]"),
    ("gps_coordinates", "at [25.0330, 121.5654] and [-33.8688, 151.2093]"),
    ("person_name", "I met [Mary J. Smith] and Dr. [Varga] there."),
    ("person_name", "Dear [Jennifer], ask [Anne-Marie O'Brien] or [Robert]."),
    ("place", "from [New York] to [South Africa], and [Taiwan]."),
    ("organisation", "at [Mayo Clinic] or with [Miller, Smith and Sons], for [Acme Widgets Inc]"),
    ("nationality", "a [Taiwanese] nurse and two [Canadians]"),
    ("age", "a [79] year old woman, aged [45]"),
    ("street_address", "lives at [221 Baker Street, London]."),
    ("street_address", "sent to [1600 Pennsylvania Avenue, Washington, DC 20500]"),
    (
        "street_address",
        "at [Calle Mayor 5, 2º B, 28013 Madrid], [Kaiserstraße 5a] or [34 quai Saint-Nicolas Suite 499]",
    ),
    ("street_address", "to [Unit 2451 Box 9006\nDPO AA 78045], [USNS Berg\nFPO AP 07688-1234] or [P.O. Box 46]"),
    (
        "street_address",
        "to [12 Main St. Apt. 4] and [Victor Hugo u. 49. Suite 638]; on [Bezrukov Street] lives [Flat 3]",
    ),
    ("street_address", "Domicilio: [Gran Vía, 85]. Work: [C/ del Colón, nº 28]; [Avda. de Madrid s/n], closed"),
    ("street_address", "[41 Via dalla Staziun 87]\n[Apt. 033]\nDozwil\nMongolia 34161"),
    ("street_address", "Meet me at [52 Huntly Street\n Suite 132\n BARMOLLOCH\n United Kingdom]"),
    ("street_address", "in der [Kaiserstraße 12, 60311 Frankfurt]. Madame Petit: [8 rue de la Paix, 75002 Paris]."),
    ("street_address", "My address is [5 Rue Hsine\nWOODGATE, QLD 36540], she is at [7 Aasa 43, Trancoso, GU]."),
    ("date", "on [24 November 2026] or [2026-11-24 08:30], at noon [11/24/2026] and [3/4/98]"),
    ("date", "since [2014], on [Monday] in [May 2, 1990]; 於[2026年3月2日]和[民國75年3月2日]"),
    ("title", "[Mr.] Spears met [Dr.] Varga"),
    ("title", "Karin Beike\n[Leasing consultant]\nat work as [Midwife], but"),
    ("place", "he grew up in [Kistarcsa], flew to [Loeches] and lives at Vibyvej 8, [Måløv]"),
    ("organisation", "she works for [Futureadvisor] and [Verdafero] is the brainchild of both; CEO of [Guidestar]."),
    ("person_name", "My name is [Mieszko]. They call me [Piusz]. [Timotea] lives on it."),
    ("chinese_name", "請找[王小明]先生和[陳怡君]，患者[李娜]已出院"),
    ("chinese_name", "聯絡人：[歐陽娜娜]（0912-345-678）"),
    ("chinese_name", "[林美玲]表示，請[張]小姐回電。姓名：[张伟]"),
    ("chinese_place", "他從[台北市大安區]搬到[广东省深圳市]，再去[日本]"),
    ("chinese_address", "住在[新北市板橋區文化路一段188巷12弄3號5樓之2]，電話"),
    ("chinese_address", "地址：[北京市海淀区中关村大街27号院3号楼2单元501室]。"),
    ("chinese_organisation", "在[大安醫院]和[清华大学]，任職於[台灣積體電路製造股份有限公司]。"),
    ("gps_coordinates", "at [40° 26′ 46″ N 79° 58′ 56″ W]"),
]

NOT_FOUND = [
    ("email", "jane@doe, @jane, a@b, x@y."),
    ("url", "http: // or www or file.txt"),
    ("ip_address", "::1 and 999.1.1.1, version 1.2.3, 1.2.3.4.5, 12:30:45, std::vector"),
    ("mac_address", "00:00:00:00:00:00 and FF:FF:FF:FF:FF:FF and 00:1B:44:11:3A"),
    ("phone", "in 1985-03-12, 12.03.1985, 3.14159265, 2019-2020, 100 000 000, 12:30:45, 5 of 1234"),
    ("credit_card", "4111 1111 1111 1112, 9111111111111111, 0.4111111111111111"),
    ("iban", "GB82 WEST 1234 5698 7654 33, GB82WEST123456987654321"),
    ("swift_code", "the DEUTDEFF of SHOULDER, BIC CORIOLAN"),
    ("crypto_wallet", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb, 0x0000000000000000000000000000000000000000"),
    ("us_ssn", "000-12-3456, 666-12-3456, 900-12-3456, 536-00-4399, 536-90-0000, 536904399, 078051120"),
    ("us_itin", "912-93-1234, 912701234"),
    ("us_passport", "order C01234567 of 123456789"),
    ("us_driver_licence", "order D1234567"),
    ("us_npi", "1234567893 | NPI 1234567894"),
    ("us_mbi", "1EG4-TE5-MK7, 1SG4-TE5-MK73"),
    ("us_dea", "AB1234564"),
    ("uk_nhs", "943 476 5919 | NHS 943 476 5918"),
    ("uk_nino", "GB 12 34 56 C, DA123456A, AB123456E, ZZ 12 34 56 A"),
    ("spain_id", "12345678A, X1234567A"),
    ("italy_fiscal_code", "RSSMRA85T10A562T"),
    ("poland_pesel", "PESEL 44051401358 | 44051401359"),
    ("finland_hetu", "131052-308U, 311352-308T"),
    ("netherlands_bsn", "BSN 111222334 | 111222333"),
    ("belgium_national_number", "85.07.30-033.29, 85073003328"),
    ("germany_tax_id", "tax id 86095742718 | 86095742719"),
    ("india_aadhaar", "2341 2341 2347, 1341 2341 2346, 234123412346"),
    ("india_pan", "ABCDE1234F, ABCPE0000F"),
    ("japan_my_number", "123456789018 | マイナンバー123456789017"),
    ("korea_rrn", "901301-1234567, 9001011234567"),
    ("singapore_nric", "S1234567E, A1234567D"),
    ("taiwan_id", "A123456788, A523456789, AA123456789, A1234567890"),
    ("taiwan_resident_certificate", "AC01234568, AE01234567"),
    ("taiwan_business_number", "04595257 | 統編04595258"),
    ("taiwan_health_card", "000012345678"),
    ("china_id", "110105194912310021, 11010519491331002X, 99010519491231002X"),
    ("hong_kong_id", "A123456(4), A1234563"),
    ("medical_record_number", "chapter 12345 of 99999"),
    ("birth_date", "on 12 March 1985 | born in 1985 | born on 31 February 1985"),
    ("postcode", "94110 people | zip 9"),
    ("licence_plate", "ISO-1234, ABC-1234"),
    ("person_name", "The King will come. Please call. In May we may. Mark it."),
    ("place", "The Corner, Monday, a turkey sandwich"),
    ("organisation", "The group of the bank"),
    ("nationality", "Persons, a polish cloth"),
    ("age", "in 45 minutes | page 79 | aged 450"),
    ("street_address", "4 of 12 Points, 221 people in the street, Box 12, AE 12345, 5 Series 3, 12 May 2020"),
    ("street_address", "Lois Lane keeps it on Google Drive, in Room 12 of Unit 5 on Floor 3, Block 7 Street 9"),
    ("street_address", "Via email 5, During 1971, Katie 12, Brigade 7, Chapter 5, via Paris, A place of 3"),
    ("date", "2014 people, 31/31/2020, 2026-11-31, version 1.2.20145, 12:30:45 | Sundays | 85-3-2"),
    ("title", "The nurse came. Sir | We called the doctor as usual"),
    ("chinese_name", "高興的時候，方法很多，馬上就來，金融中心，任何人都可以。| 本公司經理說 | 高中老師"),
    ("chinese_place", "大理石很美 | 明天去公園"),
    ("chinese_address", "第3號病房，12號，身分證號，三號出口"),
    ("chinese_organisation", "這家公司，我們大學，一所醫院，本公司，公司"),
    ("gps_coordinates", "95.0330, 121.5654 and 25.03, 121.56 and 1.5, 2.5"),
]


def marked(text: str) -> tuple[str, list[tuple[int, int]]]:
    """The text without its brackets, and the spans that they marked."""
    spans, plain = [], ""
    for piece in re.split(r"(\[[^\]]*\])", text):
        if piece.startswith("["):
            spans.append((len(plain), len(plain) + len(piece) - 2))
            piece = piece[1:-1]
        plain += piece
    return plain, spans


@pytest.mark.parametrize(("kind", "text"), FOUND)
def test_every_kind_is_found_where_it_stands_and_nowhere_else(kind: str, text: str) -> None:
    plain, spans = marked(text)
    found = find_in_text(plain)
    assert [(item.start, item.end) for item in found if item.kind == kind] == spans
    assert all(item.kind == kind for item in found if (item.start, item.end) in spans)


@pytest.mark.parametrize(("kind", "text"), NOT_FOUND)
def test_lookalikes_of_every_kind_are_left_alone(kind: str, text: str) -> None:
    for part in text.split(" | "):
        assert [part[item.start : item.end] for item in find_in_text(part) if item.kind == kind] == []


def test_every_kind_that_is_looked_for_in_text_has_both_tests() -> None:
    kinds = {item.name for item in recognisers() if item.in_text}
    assert kinds == {kind for kind, _ in FOUND}
    assert kinds == {kind for kind, _ in NOT_FOUND}


@pytest.mark.parametrize("item", recognisers(), ids=lambda item: item.name)
def test_patterns_have_no_capturing_groups(item) -> None:
    assert compiled(item.pattern).groups == 0
    assert item.alone is None or compiled(item.alone).groups == 0


FAKERS = [
    ("zh_TW", "ssn", "taiwan_id", ""),
    ("zh_CN", "ssn", "china_id", ""),
    ("en_US", "ssn", "us_ssn", ""),
    ("en_US", "itin", "us_itin", ""),
    ("en_GB", "ssn", "uk_nino", ""),
    ("it_IT", "ssn", "italy_fiscal_code", ""),
    ("fi_FI", "ssn", "finland_hetu", ""),
    ("es_ES", "nif", "spain_id", ""),
    ("es_ES", "nie", "spain_id", ""),
    ("en_US", "iban", "iban", ""),
    ("de_DE", "iban", "iban", ""),
    ("en_US", "ipv4", "ip_address", ""),
    ("en_US", "ipv6", "ip_address", ""),
    ("en_US", "mac_address", "mac_address", ""),
    ("en_US", "email", "email", ""),
    ("zh_CN", "phone_number", "phone", ""),
    ("pl_PL", "ssn", "poland_pesel", "PESEL "),
    ("nl_NL", "ssn", "netherlands_bsn", "BSN "),
    ("nl_BE", "ssn", "belgium_national_number", "rijksregisternummer "),
    ("en_US", "passport_number", "us_passport", "passport "),
    ("en_US", "phone_number", "phone", "call "),
    ("en_GB", "phone_number", "phone", "call "),
    ("zh_TW", "license_plate", "licence_plate", "車牌"),
    ("en_GB", "postcode", "postcode", "postcode "),
]


@pytest.mark.parametrize(("locale", "what", "kind", "word"), FAKERS)
def test_all_identifiers_that_faker_makes_are_found(locale: str, what: str, kind: str, word: str) -> None:
    faker = pytest.importorskip("faker").Faker(locale)
    faker.seed_instance(1977)
    for _ in range(300):
        text = word + str(getattr(faker, what)())
        assert (kind, len(word), len(text)) in {(f.kind, f.start, f.end) for f in find_in_text(text)}, text
