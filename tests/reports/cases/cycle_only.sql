-- @source https://github.com/supabase/pg-toolbelt/issues/311 (inline FK cycle alone)
-- @expect circle
-- @norev
-- @live
create table note(id int primary key, active int);
create table nver(id int primary key, note_id int not null references note);
alter table note add foreign key(active) references nver;
-- @declared
create table note(id int primary key, active int references nver);
create table nver(id int primary key, note_id int not null references note);
create index nver_note_idx on nver (note_id);
create view active as select n.id, v.id as version from note n join nver v on v.id = n.active;
