// For azd: the resource group, and in it all of main.bicep. azd brings the code afterwards.

targetScope = 'subscription'

@description('Name of the azd environment; the resource group is named after it.')
@minLength(1)
@maxLength(64)
param environmentName string

@description('Azure region of everything. Flex Consumption is not offered in every region.')
param location string

@description('Start of every resource name: 2 to 11 lower-case letters and digits, a letter first.')
param namePrefix string

@description('Instances kept warm; 0 lets the app sleep.')
param httpAlwaysReady int

@description('Survive the loss of one availability zone. Decide at the first deployment.')
param zoneRedundant bool

@description('Serve callers from Entra only, and those in allowedIpCidrs.')
param restrictToEntra bool

@description('Ranges that may call the endpoint.')
param allowedIpCidrs string[]

@description('Reach storage and vault through private endpoints only.')
param networkIsolation bool

@description('Give the app an address of its own for calls to the internet under networkIsolation.')
param natGateway bool

@description('Public addresses from which an administrator reaches vault and directory under networkIsolation.')
param adminIpCidrs string[]

@description('Object id of the user, group or service principal that may read and rotate the token. Empty: whoever deploys.')
param adminPrincipalId string

@description('Object id of a user, group or service principal that may read and write the directory itself from a desk.')
param dataAdminPrincipalId string

@description('Mail addresses that get alerts. Empty: no alerts.')
param alertEmails string[]

@description('Ask the health URL every 15 minutes from outside.')
param enableAvailabilityTest bool

@description('Forbid the deletion of the storage account that holds the directory.')
param enableResourceLock bool

@description('Keep a deleted vault for 90 days whatever anybody does. `azd down --purge` cannot remove such a vault, and the next `azd up` then meets its name.')
param enablePurgeProtection bool

// azd finds what it made by this tag.
var tags = { 'azd-env-name': environmentName }

resource group 'Microsoft.Resources/resourceGroups@2025-04-01' = {
  name: 'rg-${environmentName}'
  location: location
  tags: tags
}

module endpoint '../main.bicep' = {
  scope: group
  params: {
    location: location
    tags: tags
    namePrefix: namePrefix
    httpAlwaysReady: httpAlwaysReady
    zoneRedundant: zoneRedundant
    deployPackage: false
    restrictToEntra: restrictToEntra
    allowedIpCidrs: allowedIpCidrs
    networkIsolation: networkIsolation
    natGateway: natGateway
    adminIpCidrs: adminIpCidrs
    adminPrincipalId: adminPrincipalId
    dataAdminPrincipalId: dataAdminPrincipalId
    alertEmails: alertEmails
    enableAvailabilityTest: enableAvailabilityTest
    enableResourceLock: enableResourceLock
    enablePurgeProtection: enablePurgeProtection
  }
}

// ---- azd keeps these in its environment, for its hooks and for `azd env get-values`

@description('Resource group of everything.')
output AZURE_RESOURCE_GROUP string = group.name

@description('Paste into Entra as Tenant URL.')
output TENANT_URL string = endpoint.outputs.TENANT_URL

@description('Run this to see the Secret Token for Entra.')
output GET_TOKEN_COMMAND string = endpoint.outputs.GET_TOKEN_COMMAND

@description('The page of the secret in the portal.')
output TOKEN_PAGE string = endpoint.outputs.TOKEN_PAGE

@description('Answers 200 while storage and token are reachable; needs no token.')
output HEALTH_URL string = endpoint.outputs.HEALTH_URL

@description('Vault of the token.')
output KEY_VAULT_NAME string = endpoint.outputs.KEY_VAULT_NAME

@description('Name of the secret in that vault.')
output TOKEN_SECRET_NAME string = endpoint.outputs.TOKEN_SECRET_NAME

@description('Function app.')
output FUNCTION_APP_NAME string = endpoint.outputs.FUNCTION_APP_NAME

@description('Storage account of the directory.')
output DATA_STORAGE_ACCOUNT string = endpoint.outputs.DATA_STORAGE_ACCOUNT
