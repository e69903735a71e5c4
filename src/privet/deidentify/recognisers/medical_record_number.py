"""Numbers of medical records, beside a word that says so: every hospital has a form of its own."""

from privet.deidentify.recogniser import NUMBER_ENDS, Recogniser

RECOGNISER = Recogniser(
    name="medical_record_number",
    label="medical record number",
    pattern=rf"(?<![.])(?:[A-Z]{{1,3}}-?)?[0-9](?:-?[0-9]){{3,11}}{NUMBER_ENDS}",
    source="45 CFR 164.514(b)(2)(i)(H), medical record numbers",
    score=0.62,
    begins="0{4,12}(?![0Aa])|0{1,12}-0|A{1,3}-?0",
    hints=("mrn", "medical_record", "medical_record_number", "patient_id", "patient_number", "chart_number",
           "record_no", "hospital_number", "病歷", "病历", "就診號", "住院號", "nhc", "historia_clinica"),
    needs_context=True,
)  # fmt: skip
