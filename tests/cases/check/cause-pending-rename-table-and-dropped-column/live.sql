-- V2 renames the table; a column of it was dropped by hand.
ALTER TABLE cust DROP email;
