// A SCIM endpoint for Microsoft Entra ID, complete in one deployment: storage, vault and token, identity and roles,
// the app, its code, logs and alerts. Needs Bicep 0.38.3 or newer (@onlyIfNotExists).

targetScope = 'resourceGroup'

// ---- Basics

@description('Azure region of everything. Flex Consumption is not offered in every region.')
param location string = resourceGroup().location

@description('Start of every resource name: lower-case letters and digits. Another prefix in the same resource group is another, independent endpoint.')
@minLength(2)
@maxLength(11)
param namePrefix string = 'scim'

@description('Name of the azd environment; becomes the tag azd-env-name. Empty without azd.')
@maxLength(64)
param environmentName string = ''

@description('Tags for every resource.')
param tags object = {}

@description('Name of the table that holds the directory, and of the partition in it: letters and digits, a letter first.')
@minLength(3)
@maxLength(63)
param scimTenant string = 'scim'

@description('Days that the record of a change is kept.')
@minValue(1)
@maxValue(3650)
param changeRetentionDays int = 90

@description('App settings beyond those of this template, each with name and value, such as SCIM_FILTERABLE. Settings made by hand in the portal are gone after the next deployment.')
param additionalAppSettings array = []

// ---- Hosting

@description('FC1 is Flex Consumption: billed by use, sleeps when idle. EP1 is Elastic Premium: one instance always runs. Neither becomes the other in a later deployment.')
@allowed(['FC1', 'EP1'])
param hostingPlan string = 'FC1'

@description('Python version of the app. The released package is built for 3.13: choose another only with a package built for it.')
@allowed(['3.11', '3.12', '3.13'])
param pythonVersion string = '3.13'

@description('Memory of an instance in MB, on FC1. 512 is cheaper; 2048 starts and answers faster.')
@allowed([512, 2048, 4096])
param instanceMemoryMB int = 2048

@description('Upper limit of instances, on FC1.')
@minValue(40)
@maxValue(1000)
param maximumInstanceCount int = 100

@description('Instances kept warm, on FC1; 0 lets the app sleep. With zone redundancy Azure keeps at least 2, and bills them.')
@minValue(0)
@maxValue(100)
param httpAlwaysReady int = 0

@description('Requests that one instance serves at a time, on FC1.')
@minValue(1)
@maxValue(1000)
param httpPerInstanceConcurrency int = 16

@description('Survive the loss of one availability zone: instances and storage are spread over zones. Decide at the first deployment: the replication of storage does not change with a later one.')
param zoneRedundant bool = false

@description('Replication of the storage accounts. Zone redundancy implies Standard_ZRS.')
@allowed(['Standard_LRS', 'Standard_ZRS'])
param storageSku string = 'Standard_LRS'

// ---- Code

@description('GitHub repository, as owner/name, whose release holds the package. This default is the only place to set it.')
param repository string = 'OWNER/entra-scim-functions'

@description('Release to install.')
param releaseTag string = 'v0.1.0'

@description('URL of the package. Azure must be able to read it without a login.')
param packageUri string = 'https://github.com/${repository}/releases/download/${releaseTag}/released-package.zip'

@description('Install the package in this deployment, on FC1. False when azd or the Functions tools bring the code.')
param deployPackage bool = true

// ---- Access

@description('Serve callers from Entra only (service tag AzureActiveDirectory), and those in allowedIpCidrs.')
param restrictToEntra bool = false

@description('Ranges that may call the endpoint, such as 203.0.113.7/32. When one is given, all others but Entra under restrictToEntra are refused.')
param allowedIpCidrs string[] = []

@description('Reach storage and vault through private endpoints only. The endpoint itself stays public: Entra calls from the internet.')
param networkIsolation bool = false

@description('IPv4 range of the virtual network that networkIsolation makes, /24 or larger.')
param virtualNetworkPrefix string = '10.71.0.0/24'

@description('Public addresses from which an administrator reaches vault and directory under networkIsolation, such as 203.0.113.7.')
param adminIpCidrs string[] = []

@description('Object id of the user, group or service principal that may read and rotate the token. Empty: whoever deploys.')
param adminPrincipalId string = ''

@description('First half of the token. Leave the default: a new random value, used only where there is no token yet.')
@secure()
param tokenSeedA string = newGuid()

@description('Second half of the token. Leave the default.')
@secure()
param tokenSeedB string = newGuid()

@description('Keep a deleted vault, and with it the token, for 90 days. Once on, it stays on.')
param enablePurgeProtection bool = true

@description('Bring back the deleted vault of an earlier deployment to a resource group of the same name.')
param recoverKeyVault bool = false

// ---- Monitoring

@description('Days that logs are kept.')
@minValue(30)
@maxValue(730)
param logRetentionDays int = 30

@description('Upper limit of ingested logs in GB a day; -1 sets none. Past it, logs and alerts stop until the next day.')
@minValue(-1)
param dailyQuotaGb int = -1

@description('Mail addresses that get alerts. Empty: no alerts.')
param alertEmails string[] = []

@description('Ask the health URL every 15 minutes from outside. Needs alertEmails.')
param enableAvailabilityTest bool = false

@description('Log each write to the tables that somebody makes, whether through the app or around it.')
param logTableWrites bool = false

@description('Forbid the deletion of the storage account that holds the directory. Only an Owner or a User Access Administrator may deploy this.')
param enableResourceLock bool = false

// ---- Names

var suffix = take(uniqueString(resourceGroup().id, environmentName), 9)
var stem = '${namePrefix}-${suffix}'
var identityName = 'id-${stem}'
var workspaceName = 'log-${stem}'
var componentName = 'appi-${stem}'
var hostAccountName = '${namePrefix}host${suffix}'
var dataAccountName = '${namePrefix}data${suffix}'
var vaultName = 'kv-${stem}'
var planName = 'plan-${stem}'
var functionAppName = 'func-${stem}'
var packageContainerName = 'app-package'

// ---- Choices

var isFlex = hostingPlan == 'FC1'
var hasAlerts = !empty(alertEmails)
var allTags = union(tags, empty(environmentName) ? {} : { 'azd-env-name': environmentName })
// azd finds the app by this tag.
var siteTags = union(allTags, { 'azd-service-name': 'api' })
var accountSku = zoneRedundant ? 'Standard_ZRS' : storageSku

var entraRules = [
  {
    name: 'entra'
    description: 'Entra provisioning service'
    tag: 'ServiceTag'
    ipAddress: 'AzureActiveDirectory'
    action: 'Allow'
    priority: 100
  }
]
var probeRules = [
  {
    name: 'availability-test'
    description: 'Probes of Application Insights'
    tag: 'ServiceTag'
    ipAddress: 'ApplicationInsightsAvailability'
    action: 'Allow'
    priority: 110
  }
]
var cidrRules = [for (cidr, i) in allowedIpCidrs: {
  name: 'own-${i}'
  description: 'allowedIpCidrs'
  tag: 'Default'
  ipAddress: cidr
  action: 'Allow'
  priority: 200 + i
}]
var isRestricted = restrictToEntra || !empty(allowedIpCidrs)
var ipRules = concat(
  restrictToEntra ? entraRules : [],
  isRestricted && enableAvailabilityTest && hasAlerts ? probeRules : [],
  cidrRules
)

// Never add AzureWebJobsStorage itself: it wins over the identity form.
var appSettings = [
  {
    name: 'AzureWebJobsStorage__accountName'
    value: hostAccountName
  }
  {
    name: 'AzureWebJobsStorage__credential'
    value: 'managedidentity'
  }
  {
    name: 'AzureWebJobsStorage__clientId'
    value: identity.outputs.clientId
  }
  {
    name: 'APPLICATIONINSIGHTS_CONNECTION_STRING'
    value: monitoring.outputs.connectionString
  }
  {
    name: 'APPLICATIONINSIGHTS_AUTHENTICATION_STRING'
    value: 'ClientId=${identity.outputs.clientId};Authorization=AAD'
  }
  {
    name: 'AZURE_CLIENT_ID'
    value: identity.outputs.clientId
  }
  {
    name: 'SCIM_STORAGE'
    value: storage.outputs.tableEndpoint
  }
  {
    name: 'SCIM_KEY_VAULT'
    value: keyVault.outputs.uri
  }
  {
    name: 'SCIM_TENANT'
    value: scimTenant
  }
  {
    name: 'SCIM_CHANGE_RETENTION_DAYS'
    value: string(changeRetentionDays)
  }
]

// ---- Resources

module identity 'modules/identity.bicep' = {
  params: {
    name: identityName
    location: location
    tags: allTags
  }
}

module monitoring 'modules/monitoring.bicep' = {
  params: {
    workspaceName: workspaceName
    componentName: componentName
    location: location
    tags: allTags
    logRetentionDays: logRetentionDays
    dailyQuotaGb: dailyQuotaGb
  }
}

module storage 'modules/storage.bicep' = {
  params: {
    hostAccountName: hostAccountName
    dataAccountName: dataAccountName
    location: location
    tags: allTags
    sku: accountSku
    packageContainerName: packageContainerName
    tableName: scimTenant
    isolated: networkIsolation
    adminIpCidrs: adminIpCidrs
    enableResourceLock: enableResourceLock
    logTableWrites: logTableWrites
    workspaceId: monitoring.outputs.workspaceId
  }
}

module keyVault 'modules/key-vault.bicep' = {
  params: {
    name: vaultName
    location: location
    tags: allTags
    token: '${replace(tokenSeedA, '-', '')}${replace(tokenSeedB, '-', '')}'
    enablePurgeProtection: enablePurgeProtection
    recover: recoverKeyVault
    isolated: networkIsolation
    adminIpCidrs: adminIpCidrs
    workspaceId: monitoring.outputs.workspaceId
  }
}

module roles 'modules/roles.bicep' = {
  params: {
    identityName: identityName
    hostAccountName: hostAccountName
    dataAccountName: dataAccountName
    vaultName: vaultName
    componentName: componentName
    adminPrincipalId: empty(adminPrincipalId) ? deployer().objectId : adminPrincipalId
  }
  dependsOn: [identity, monitoring, storage, keyVault]
}

module network 'modules/network.bicep' = if (networkIsolation) {
  params: {
    name: 'vnet-${stem}'
    location: location
    tags: allTags
    addressPrefix: virtualNetworkPrefix
    appDelegation: isFlex ? 'Microsoft.App/environments' : 'Microsoft.Web/serverFarms'
  }
}

module privateEndpoints 'modules/private-endpoints.bicep' = if (networkIsolation) {
  params: {
    location: location
    tags: allTags
    // The condition again: Azure may evaluate the parameters of a module that it then does not deploy.
    networkId: networkIsolation ? network!.outputs.id : ''
    subnetId: networkIsolation ? network!.outputs.endpointSubnetId : ''
    hostAccountName: hostAccountName
    dataAccountName: dataAccountName
    vaultName: vaultName
  }
  dependsOn: [storage, keyVault]
}

module flexApp 'modules/function-app.bicep' = if (isFlex) {
  params: {
    planName: planName
    name: functionAppName
    location: location
    tags: siteTags
    identityId: identity.outputs.id
    packageContainerUrl: storage.outputs.packageContainerUrl
    pythonVersion: pythonVersion
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    httpAlwaysReady: httpAlwaysReady
    httpPerInstanceConcurrency: httpPerInstanceConcurrency
    zoneRedundant: zoneRedundant
    subnetId: networkIsolation ? network!.outputs.appSubnetId : ''
    appSettings: concat(appSettings, additionalAppSettings)
    ipRules: ipRules
  }
  dependsOn: [roles, privateEndpoints]
}

module premiumApp 'modules/function-app-premium.bicep' = if (!isFlex) {
  params: {
    planName: planName
    name: functionAppName
    location: location
    tags: siteTags
    identityId: identity.outputs.id
    packageUri: packageUri
    pythonVersion: pythonVersion
    zoneRedundant: zoneRedundant
    subnetId: networkIsolation ? network!.outputs.appSubnetId : ''
    appSettings: concat(appSettings, additionalAppSettings)
    ipRules: ipRules
  }
  dependsOn: [roles, privateEndpoints]
}

module package 'modules/package.bicep' = if (isFlex && deployPackage) {
  params: {
    functionAppName: functionAppName
    packageUri: packageUri
  }
  dependsOn: [storage, keyVault, roles, privateEndpoints, flexApp]
}

var hostName = isFlex ? flexApp!.outputs.hostName : premiumApp!.outputs.hostName
var healthUrl = 'https://${hostName}/health'

module alerts 'modules/alerts.bicep' = if (hasAlerts) {
  params: {
    name: stem
    location: location
    tags: allTags
    componentName: componentName
    alertEmails: alertEmails
    enableAvailabilityTest: enableAvailabilityTest
    healthUrl: healthUrl
  }
  dependsOn: [monitoring]
}

// ---- What the administrator needs next

@description('Paste into Entra as Tenant URL.')
output TENANT_URL string = 'https://${hostName}/scim/v2'

@description('Run this to see the Secret Token for Entra.')
output GET_TOKEN_COMMAND string = 'az keyvault secret show --vault-name ${vaultName} --name ${keyVault.outputs.secretName} --query value --output tsv'

@description('Answers 200 while storage and token are reachable; needs no token.')
output HEALTH_URL string = healthUrl

@description('Vault of the token.')
output KEY_VAULT_NAME string = vaultName

@description('Name of the secret in that vault.')
output TOKEN_SECRET_NAME string = keyVault.outputs.secretName

@description('Function app.')
output FUNCTION_APP_NAME string = functionAppName

@description('Storage account of the directory.')
output DATA_STORAGE_ACCOUNT string = dataAccountName

@description('Azure region.')
output AZURE_LOCATION string = location

@description('Entra tenant of the subscription.')
output AZURE_TENANT_ID string = subscription().tenantId
