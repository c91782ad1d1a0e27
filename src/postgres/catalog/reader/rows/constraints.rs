//! Constraints of tables.

use anyhow::Result;
use smol_str::format_smolstr;

use super::super::ObjectOid;
use super::super::assembler::{Assembler, Draft, class};
use super::super::deferred::ExprSource;
use super::super::fields::Fields;
use crate::postgres::catalog::{Attribute, Kind};

impl Assembler {
    pub(in crate::postgres::catalog::reader) fn constraint_row(
        &mut self,
        fields: &mut Fields<'_>,
    ) -> Result<()> {
        let oid: u32 = fields.number()?;
        let table_oid: u32 = fields.number()?;
        let (name, letter) = (fields.text()?, fields.letter()?);
        let (deferrable, deferred) = (fields.flag()?, fields.flag()?);
        let (valid, no_inherit) = (fields.flag()?, fields.flag()?);
        let index: u32 = fields.number()?;
        let columns: Vec<i16> = fields.numbers()?;
        let referenced: u32 = fields.number()?;
        let referenced_columns: Vec<i16> = fields.numbers()?;
        let (on_update, on_delete, matching) = (fields.letter()?, fields.letter()?, fields.letter()?);
        let set_columns: Vec<i16> = fields.numbers()?;
        let (enforced, period) = (fields.flag()?, fields.flag()?);
        let expression = fields.optional();

        let Some(&table_index) = self.relation_by_oid.get(&table_oid) else { return Ok(()) };
        let table = &self.relations[table_index];
        if table.hidden || table.kind == b'f' {
            return Ok(());
        }
        let out = &mut self.out;
        let kind = match letter {
            b'p' => Kind::PrimaryKey,
            b'u' => Kind::Unique,
            b'f' => Kind::ForeignKey,
            b'c' => Kind::Check,
            b'x' => Kind::Exclusion,
            _ => {
                // NOT NULL is the column's; only what is not usual about it is worth more words.
                let unusual =
                    [(Attribute::Valid, "false", !valid), (Attribute::NoInherit, "true", no_inherit)];
                for (attribute, value, is) in unusual {
                    let columns = columns.iter().filter(|_| is);
                    self.not_null.extend(columns.map(|column| (table_oid, *column, attribute, value)));
                }
                return Ok(());
            }
        };
        if deferrable && kind != Kind::Exclusion {
            out.set(
                Attribute::Deferrable,
                if deferred { "initially deferred" } else { "initially immediate" },
            );
        }
        // NOT ENFORCED says already that nothing was validated.
        out.set_flag(Attribute::Valid, valid || !enforced);
        out.set_flag(Attribute::Enforced, enforced);
        if self.disabled.contains(&oid) {
            out.set(Attribute::Enabled, "disabled");
        }
        match kind {
            Kind::Check => {
                let owner = (table_oid, Some(table));
                let printed =
                    expression.map(|tree| self.questions.expression(ExprSource::Check, oid, tree, owner));
                if let Some(printed) = printed {
                    out.set_deferred(Attribute::Expression, format_smolstr!("{printed}"));
                }
                out.set_flag(Attribute::NoInherit, no_inherit);
            }
            Kind::Exclusion => {
                let printed = self.questions.alone(ExprSource::Exclusion, oid);
                out.set_deferred(Attribute::Definition, format_smolstr!("{printed}"));
            }
            Kind::ForeignKey => {
                let Some(target) =
                    self.relation_by_oid.get(&referenced).map(|target| &self.relations[*target])
                else {
                    out.take();
                    return Ok(());
                };
                let with_period = |names: String| match names.rsplit_once(", ") {
                    Some((head, last)) if period => format!("{head}, PERIOD {last}"),
                    _ => names,
                };
                out.set(Attribute::Columns, with_period(table.column_names(&columns)));
                out.set(Attribute::References, target.path());
                out.set(Attribute::ReferencedColumns, with_period(target.column_names(&referenced_columns)));
                out.set_some(Attribute::OnUpdate, action(on_update));
                if set_columns.is_empty() {
                    out.set_some(Attribute::OnDelete, action(on_delete));
                } else if let Some(action) = action(on_delete) {
                    let columns = table.column_names(&set_columns);
                    out.set(Attribute::OnDelete, format!("{action} ({columns})"));
                }
                match matching {
                    b'f' => out.set(Attribute::Match, "full"),
                    b'p' => out.set(Attribute::Match, "partial"),
                    _ => {}
                }
            }
            _ => {
                let mut names = table.column_names(&columns);
                if period {
                    names.push_str(" WITHOUT OVERLAPS");
                }
                out.set(Attribute::Columns, names);
            }
        }
        let at = ObjectOid::whole(class::CONSTRAINT, oid);
        let id = table.part(kind, name);
        if matches!(kind, Kind::PrimaryKey | Kind::Unique | Kind::Exclusion) {
            let attributes = out.take();
            self.constraint_indexes.insert(index, Draft { at, id, attributes });
        } else {
            out.emit(at, id);
        }
        Ok(())
    }
}

/// `ON DELETE` and `ON UPDATE` by the letter in `pg_constraint`; NO ACTION is the default.
fn action(letter: u8) -> Option<&'static str> {
    match letter {
        b'r' => Some("restrict"),
        b'c' => Some("cascade"),
        b'n' => Some("set null"),
        b'd' => Some("set default"),
        _ => None,
    }
}
