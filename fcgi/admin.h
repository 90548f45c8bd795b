/* The /admin pages, one file each. */
#ifndef MIZAN_FCGI_ADMIN_H
#define MIZAN_FCGI_ADMIN_H

#include "app.h"

route_fn admin_config_get; /* admin_config.c */
route_fn admin_config_keys_get;
route_fn admin_pilot_get; /* admin_pilot.c */
route_fn admin_pilot_put;
route_fn admin_tenants_get; /* admin_tenants.c */

#endif
