"""Common names to make up people with. They are frequent, so that a made-up name points at nobody."""

from __future__ import annotations

from typing import Final

_ENGLISH_GIVEN = """
Aaron Abigail Adam Adrian Alan Alice Amanda Amber Amy Andrea Andrew Angela Anna Anthony Arthur Ashley Barbara
Benjamin Beth Brandon Brenda Brian Bruce Carl Carol Caroline Catherine Charles Charlotte Cheryl Christina Christine
Claire Craig Cynthia Daniel David Deborah Denise Dennis Diana Donald Donna Dorothy Douglas Edward Elaine Eleanor
Elizabeth Emily Emma Eric Ethan Evelyn Frances Frank Gary George Gerald Gloria Grace Gregory Hannah Harold Harry
Heather Helen Henry Howard Jack Jacob Jacqueline James Jane Janet Janice Jason Jean Jeffrey Jennifer Jeremy Jessica
Joan John Jonathan Joseph Joshua Joyce Judith Julia Julie Justin Karen Katherine Kathleen Keith Kelly Kenneth Kevin
Kimberly Larry Laura Lawrence Leonard Linda Lisa Louis Louise Lucy Margaret Maria Marie Marilyn Mark Martha Martin
Mary Matthew Megan Melissa Michael Michelle Nancy Natalie Nathan Nicholas Nicole Nora Norman Olivia Oscar Pamela
Patricia Patrick Paul Peter Philip Rachel Ralph Raymond Rebecca Richard Robert Roger Ronald Rose Roy Russell Ruth
Ryan Samantha Samuel Sandra Sarah Scott Sean Sharon Shirley Simon Sophia Stephanie Stephen Steven Susan Teresa
Theresa Thomas Timothy Tracy Tyler Victoria Vincent Virginia Walter Wayne Wendy William
"""

_ENGLISH_FAMILY = """
Adams Alexander Allen Anderson Andrews Armstrong Arnold Atkinson Bailey Baker Barnes Bell Bennett Berry Black
Bradley Brooks Brown Bryant Burke Burns Burton Butler Campbell Carpenter Carr Carroll Carter Chapman Clark Cole
Coleman Collins Cook Cooper Cox Crawford Cunningham Daniels Davidson Davies Davis Dixon Douglas Duncan Dunn Edwards
Elliott Ellis Evans Ferguson Fisher Ford Foster Fox Fraser Freeman Gardner Gibson Gordon Graham Grant Gray Green
Greene Griffin Hall Hamilton Hansen Harper Harris Harrison Hart Harvey Hawkins Hayes Henderson Henry Hicks Hill
Holmes Howard Hudson Hughes Hunt Hunter Jackson James Jenkins Jensen Johnson Johnston Jones Jordan Kelly Kennedy
King Knight Lane Larson Lawrence Lawson Lewis Lloyd Long Marshall Martin Mason Matthews McDonald Miller Mills
Mitchell Moore Morgan Morris Morrison Murphy Murray Myers Nelson Newman Nichols Olson Owens Palmer Parker Patterson
Payne Perkins Perry Peters Peterson Phillips Pierce Porter Powell Price Ray Reed Reid Reynolds Rice Richards
Richardson Riley Roberts Robertson Robinson Rogers Rose Ross Russell Ryan Scott Shaw Simmons Simpson Smith Snyder
Spencer Stephens Stevens Stewart Stone Sullivan Taylor Thompson Tucker Turner Walker Wallace Walsh Ward Warren
Washington Watkins Watson Weaver Webb Welch Wells West Wheeler White Williams Williamson Wilson Wood Woods Wright
Young
"""

GIVEN: Final = {
    "en": tuple(_ENGLISH_GIVEN.split()),
    "zh": tuple(
        f"{first}{second}"
        for first in "志建文俊家宗冠承柏彥宏明國信偉淑美雅怡佳惠秀玉麗婷欣思詩慧靜"
        for second in "豪宏傑翰銘華賢廷安霖成德生文中芬玲雯君芳娟惠珍萍涵潔穎慧如儀"
        if first != second
    ),
}

FAMILY_NAMES: Final = {
    "en": tuple(_ENGLISH_FAMILY.split()),
    "zh": tuple(
        "陳林黃張李王吳劉蔡楊許鄭謝郭洪曾邱廖賴周徐蘇葉莊呂江何蕭羅高潘簡朱鍾彭游詹胡施沈余盧梁趙顏柯翁魏孫戴范方宋鄧杜傅侯曹薛丁卓馬董藍"
    ),
}

# Between given and family name, and which comes first.
FAMILY_FIRST: Final = {"en": False, "zh": True}
SEPARATOR: Final = {"en": " ", "zh": ""}
