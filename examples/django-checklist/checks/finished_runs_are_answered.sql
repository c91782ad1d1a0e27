-- title: A finished run has an answer to every item
-- severity: warning
-- table: public.checklists_run
-- key: id
-- show: checklist_id, finished_at
-- find:
SELECT r.id, r.checklist_id, r.finished_at
  FROM checklists_run r
 WHERE r.finished_at IS NOT NULL
   AND EXISTS (
           SELECT FROM checklists_item i
            WHERE i.checklist_id = r.checklist_id
              AND NOT EXISTS (SELECT FROM checklists_answer a WHERE a.run_id = r.id AND a.item_id = i.id));
