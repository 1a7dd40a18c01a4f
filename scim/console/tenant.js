// How a tenant is called.
import { texts } from './texts.js'

export const nameOf = (tenant) => tenant.name || (tenant.key === 'scim' ? texts.defaultTenant : tenant.key)
