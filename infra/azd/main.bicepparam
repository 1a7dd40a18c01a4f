using 'main.bicep'

// azd asks for the environment's name, the subscription and the region, and for nothing else. Every other answer has a
// default here; `azd env set NAME VALUE` before `azd up` gives another.

param environmentName = readEnvironmentVariable('AZURE_ENV_NAME', 'scim')
param location = readEnvironmentVariable('AZURE_LOCATION', '')

param namePrefix = readEnvironmentVariable('DEPLOY_NAME_PREFIX', 'scim')
param zoneRedundant = bool(readEnvironmentVariable('DEPLOY_ZONE_REDUNDANT', 'false'))
param httpAlwaysReady = int(readEnvironmentVariable('DEPLOY_ALWAYS_READY', '0'))
param restrictToEntra = bool(readEnvironmentVariable('DEPLOY_RESTRICT_TO_ENTRA', 'false'))
param networkIsolation = bool(readEnvironmentVariable('DEPLOY_NETWORK_ISOLATION', 'false'))
param adminPrincipalId = readEnvironmentVariable('DEPLOY_ADMIN_PRINCIPAL_ID', '')
param natGateway = bool(readEnvironmentVariable('DEPLOY_NAT_GATEWAY', 'false'))
param dataAdminPrincipalId = readEnvironmentVariable('DEPLOY_DATA_ADMIN_PRINCIPAL_ID', '')
param enableResourceLock = bool(readEnvironmentVariable('DEPLOY_RESOURCE_LOCK', 'false'))
param enableAvailabilityTest = bool(readEnvironmentVariable('DEPLOY_AVAILABILITY_TEST', 'false'))

// Off, unlike with the other ways: the vault's name is made of the group's, and a protected vault outlives
// `azd down --purge` for 90 days, so that the next `azd up` of the same environment would fail.
param enablePurgeProtection = bool(readEnvironmentVariable('DEPLOY_PURGE_PROTECTION', 'false'))

// Lists are separated by commas, without spaces.
param alertEmails = empty(readEnvironmentVariable('DEPLOY_ALERT_EMAILS', ''))
  ? []
  : split(readEnvironmentVariable('DEPLOY_ALERT_EMAILS', ''), ',')
param allowedIpCidrs = empty(readEnvironmentVariable('DEPLOY_ALLOWED_IP_CIDRS', ''))
  ? []
  : split(readEnvironmentVariable('DEPLOY_ALLOWED_IP_CIDRS', ''), ',')
param adminIpCidrs = empty(readEnvironmentVariable('DEPLOY_ADMIN_IP_CIDRS', ''))
  ? []
  : split(readEnvironmentVariable('DEPLOY_ADMIN_IP_CIDRS', ''), ',')
