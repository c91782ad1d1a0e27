-- The sequence has lost its owner: it would stay when the column goes.
ALTER SEQUENCE invoice_numbers OWNED BY NONE;
