using 'main.bicep'

// Read by `az deployment group create --parameters infra/main.bicepparam`, and by the workflow deploy.
// What is not named here keeps the default of main.bicep.

param namePrefix = readEnvironmentVariable('DEPLOY_NAME_PREFIX', 'scim')
param repository = readEnvironmentVariable('DEPLOY_REPOSITORY', '')
param hostingPlan = readEnvironmentVariable('DEPLOY_HOSTING_PLAN', 'FC1')
param zoneRedundant = bool(readEnvironmentVariable('DEPLOY_ZONE_REDUNDANT', 'false'))
param httpAlwaysReady = int(readEnvironmentVariable('DEPLOY_ALWAYS_READY', '0'))
param restrictToEntra = bool(readEnvironmentVariable('DEPLOY_RESTRICT_TO_ENTRA', 'false'))
param networkIsolation = bool(readEnvironmentVariable('DEPLOY_NETWORK_ISOLATION', 'false'))
param adminPrincipalId = readEnvironmentVariable('DEPLOY_ADMIN_PRINCIPAL_ID', '')
param natGateway = bool(readEnvironmentVariable('DEPLOY_NAT_GATEWAY', 'false'))
param dataAdminPrincipalId = readEnvironmentVariable('DEPLOY_DATA_ADMIN_PRINCIPAL_ID', '')
param enableResourceLock = bool(readEnvironmentVariable('DEPLOY_RESOURCE_LOCK', 'false'))
param enableAvailabilityTest = bool(readEnvironmentVariable('DEPLOY_AVAILABILITY_TEST', 'false'))

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
