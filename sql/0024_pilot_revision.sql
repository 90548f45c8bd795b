-- Two operators at the pilot's switch: who acts on what is no longer so can be told.

alter table pilot_switch add column revision integer not null default 1;
comment on column pilot_switch.revision is 'Counts the changes; the ETag';

create function pilot_switch_revision() returns trigger language plpgsql volatile as $$
begin
	new.revision := old.revision + 1;
	return new;
end $$;
comment on function pilot_switch_revision() is 'Whoever changes the switch, its revision is another';
revoke execute on function pilot_switch_revision() from public;
create trigger pilot_switch_revision before update on pilot_switch for each row execute function pilot_switch_revision();
alter table pilot_switch enable always trigger pilot_switch_revision;
