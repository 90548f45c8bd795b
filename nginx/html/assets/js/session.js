/* Which tenant's figures are shown where the address names none: the pilot's, to whom it may be. */
export function preferredTenant({ tenants, pilot_tenant_id: pilot, tenant_id: own }) {
  return tenants.includes(pilot) ? pilot : own ?? tenants[0];
}
