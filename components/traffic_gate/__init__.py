"""The gate that checks a served model's requests and answers for drift."""
