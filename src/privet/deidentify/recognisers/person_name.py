"""Names of people: only where the column's name says so and the cells look it; no model, no dictionary."""

from privet.deidentify.recogniser import Recogniser

# The hundred or so surnames that most people of Taiwan bear, and the commoner double ones.
_SURNAMES = (
    "陳林黃張李王吳劉蔡楊許鄭謝洪郭邱曾廖賴徐周葉蘇莊呂江何蕭羅高潘簡朱鍾游詹彭胡施沈余盧梁趙顏柯翁魏孫戴范方宋鄧杜傅侯曹"
    "薛丁卓馬阮董唐溫藍蔣石古紀姚連馮歐程湯田康姜汪白尤鄒巫鐘黎涂龔嚴韓袁金童陸夏柳凃邵陈黄张刘吴杨许郑谢"
)
_CHINESE = rf"(?:歐陽|司馬|上官|諸葛|張簡|[{_SURNAMES}])[\u4e00-\u9fff]{{1,3}}"
_WORD = r"[A-ZÀ-Þ][A-Za-zÀ-ÿ'’\-]*\.?"
_LATIN = rf"{_WORD}(?: (?:van|von|de|der|la|bin|al) )?(?:[ ,]{{1,2}}{_WORD}){{1,4}}"

RECOGNISER = Recogniser(
    name="person_name",
    label="person's name",
    pattern=rf"{_CHINESE}|{_LATIN}",
    source="Ministry of the Interior, surnames of Taiwan; shape of names in Latin script",
    score=0.4,
    hints=("name", "full_name", "fullname", "surname", "patient", "姓名", "名字"),
    in_text=False,
)
