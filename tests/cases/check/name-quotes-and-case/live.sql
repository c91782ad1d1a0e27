-- Names that need quotes: three columns are missing, their SQL is quoted.
ALTER TABLE "User" DROP COLUMN "say ""hi""", DROP COLUMN "select", DROP COLUMN "a.b";
