"""Finding identifiers, treating a table and measuring its risk, on the demo's 20,190 rows."""

from __future__ import annotations

from measuring import interleaved_seconds, keep, show, timed
from privet.deidentify.detect import find_in_table, find_in_text
from privet.deidentify.policy import read_policy
from privet.deidentify.risk import reidentification_risk
from privet.deidentify.transform import apply_policy
from privet.study.demo_data import POLICY, demo_table

KEY = bytes(range(32))
QUASI = ("birth_date", "postcode", "physlm", "hlthg", "hlthf", "hlthp")


def main() -> None:
    import tomllib

    table = demo_table(seed=1977)
    policy = read_policy(tomllib.loads(POLICY))
    pseudonyms = read_policy({"columns": {"taiwan_id": {"operator": "pseudonymise"}}})
    text = "\n".join(table.head(2000).astype(str).agg(" ".join, axis=1))
    megabytes = len(text.encode()) / 1e6
    medians = interleaved_seconds(
        {
            "find identifiers in every column": timed(lambda: find_in_table(table)),
            "apply the policy": timed(lambda: apply_policy(table, policy=policy, key=KEY)),
            "pseudonyms alone": timed(lambda: apply_policy(table[["taiwan_id"]], policy=pseudonyms, key=KEY)),
            "k, uniqueness, worst combinations": timed(lambda: reidentification_risk(table, quasi_identifiers=QUASI)),
            f"find identifiers in {megabytes:.2f} MB of text": timed(lambda: find_in_text(text)),
        },
        rounds=5,
    )
    show(f"De-identification, {len(table):,} rows (median of 5)", columns=["what", "seconds"],
         rows=[[name, seconds] for name, seconds in medians.items()])  # fmt: skip
    rate = len(table) / medians["pseudonyms alone"]
    print(f"  {rate:,.0f} pseudonyms a second")
    keep("deidentify", {"seconds": medians, "pseudonyms_per_second": rate}, packages=["pandas", "numpy"])


if __name__ == "__main__":
    main()
