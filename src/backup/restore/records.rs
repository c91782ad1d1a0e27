//! trueup's own records in a restored database name tables by their oids, too, which a restore changes.

use anyhow::Result;

use super::archive::VerifiedArchive;
use super::derived::own_session;
use super::server::failed;
use crate::postgres::connection::Target;
use crate::postgres::sql::{literal, split_qualified};

const HAS_REPAIRS: &str = "SELECT to_regclass('trueup.repairs') IS NOT NULL AS known";
const REPAIRS: &str = "SELECT DISTINCT relation, relation_oid FROM ONLY trueup.repairs";

/// Gives the repairs of the database that was backed up the oids that their tables have now, so that they can be undone
/// here, too. A table that was another one already when the backup was taken stays another one.
pub(super) async fn follow_tables(
    backup: &VerifiedArchive<'_>,
    target: &Target,
    application: &str,
) -> Result<()> {
    let doing = |error| failed(error, "reading the repairs in the new database");
    let mut session = own_session(target, application).await?;
    if session.scalar(HAS_REPAIRS).await.map_err(doing)? {
        let mut updates = Vec::new();
        for row in session.query(REPAIRS).await.map_err(doing)? {
            let (relation, oid): (&str, u32) = (row.get("relation")?, row.get("relation_oid")?);
            let parts = split_qualified(relation).unwrap_or_default();
            let was = backup.manifest.relations.iter().find(|table| table.oid == oid);
            let same = was.is_some_and(|table| split_qualified(&table.name).unwrap_or_default() == parts);
            let [schema, name] = parts.as_slice() else { continue };
            if same {
                updates.push(format!(
                    "UPDATE ONLY trueup.repairs AS r SET relation_oid = c.oid FROM pg_class AS c \
                       JOIN pg_namespace AS n ON n.oid = c.relnamespace \
                      WHERE r.relation_oid = '{oid}' AND r.relation = {} AND n.nspname = {} AND c.relname = {}",
                    literal(relation),
                    literal(schema),
                    literal(name)
                ));
            }
        }
        if !updates.is_empty() {
            let done = session.execute(updates.join("; ")).await;
            done.map_err(|error| failed(error, "updating the repairs in the new database"))?;
        }
    }
    session.close().await;
    Ok(())
}
