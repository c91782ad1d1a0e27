-- The model declares an operator: said in coverage that it is not compared.
DROP OPERATOR === (integer, integer);
