// A SCIM endpoint for Microsoft Entra ID, complete in one deployment: storage, vault and token, identity and roles,
// the app, its code, logs and alerts. Needs Bicep 0.38.3 or newer (@onlyIfNotExists).

targetScope = 'resourceGroup'

import { accessRule, settingsByName, tagsByName } from 'types.bicep'

// ---- Basics

@description('Azure region of everything. Flex Consumption is not offered in every region.')
param location string = resourceGroup().location

@description('Start of every resource name: lower-case letters and digits. Another prefix in the same resource group is another, independent endpoint.')
@minLength(2)
@maxLength(11)
param namePrefix string = 'scim'

@description('Tags for every resource.')
param tags tagsByName = {}

@description('Name of the table that holds the directory, and of the partition in it: lower-case letters and digits, a letter first')
@minLength(3)
@maxLength(63)
param scimTenant string = 'scim'

@description('Days that the record of a change is kept.')
@minValue(1)
@maxValue(3650)
param changeRetentionDays int = 90

@description('App settings beyond those of this template, by name, such as SCIM_FILTERABLE. Settings made by hand in the portal are gone after the next deployment.')
param additionalAppSettings settingsByName = {}

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

@description('Upper limit of instances, on FC1, for each group of functions: those for HTTP are one, each other function is its own.')
@minValue(1)
@maxValue(1000)
param maximumInstanceCount int = 100

@description('Instances kept warm, on FC1; 0 lets the app sleep. With zone redundancy Azure keeps at least 2 for each group of functions, and bills them.')
@minValue(0)
@maxValue(100)
param httpAlwaysReady int = 0

@description('Instances kept warm, on FC1, of the function that delivers to webhooks what the others did not get to; 0 starts one when there is something.')
@minValue(0)
@maxValue(100)
param deliverAlwaysReady int = 0

@description('Requests that one instance serves at a time, on FC1.')
@minValue(1)
@maxValue(1000)
param httpPerInstanceConcurrency int = 16

@description('How running instances take a new package or setting, on FC1. Recreate ends running requests. RollingUpdate lets them finish; it is a preview, and a region may refuse it.')
@allowed(['Recreate', 'RollingUpdate'])
param updateStrategy string = 'Recreate'

@description('Survive the loss of one availability zone: instances and storage are spread over zones. Decide at the first deployment: the replication of storage does not change with a later one.')
param zoneRedundant bool = false

@description('Replication of the storage accounts. Zone redundancy implies Standard_ZRS.')
@allowed(['Standard_LRS', 'Standard_ZRS'])
param storageSku string = 'Standard_LRS'

// ---- Code

@description('GitHub repository, as owner/name, whose release holds the package. Empty: the one from which Azure loaded this template.')
param repository string = ''

@description('Release to install.')
param releaseTag string = 'v0.1.0'

@description('URL of the package, in place of repository and releaseTag. Azure must be able to read it without a login.')
param packageUri string = ''

@description('Install the package in this deployment, on FC1. False when azd or the Functions tools bring the code.')
param deployPackage bool = true

// ---- Access

@description('Serve callers from Entra only (service tag AzureActiveDirectory), and those in allowedIpCidrs.')
param restrictToEntra bool = false

@description('Ranges that may call the endpoint, such as 203.0.113.7/32. When one is given, all others but Entra under restrictToEntra are refused.')
param allowedIpCidrs string[] = []

@description('Serve the page for administrators, /console.')
param console bool = true

@description('Addresses and ranges that may use /manage and /console, such as 203.0.113.7 or 2001:db8::/32. Empty: all, with a token.')
param manageAddresses string[] = []

@description('Host name of your own, such as scim.contoso.com, by which clients call the endpoint. Bind it to the app first: docs/deploy.md says how.')
@maxLength(253)
param hostName string = ''

@description('Reach storage and vault through private endpoints only. The endpoint itself stays public: Entra calls from the internet.')
param networkIsolation bool = false

@description('IPv4 range of the virtual network that networkIsolation makes, /24 or larger.')
param virtualNetworkPrefix string = '10.71.0.0/24'

@description('Give the app an address of its own for calls to the internet under networkIsolation, through a NAT gateway, which is billed around the clock.')
param natGateway bool = false

@description('Public addresses from which an administrator reaches vault and directory under networkIsolation, such as 203.0.113.7.')
param adminIpCidrs string[] = []

@description('Object id of the user, group or service principal that may read and rotate the token. Empty: whoever deploys.')
param adminPrincipalId string = ''

@description('Object ids of users, groups or service principals that may read the directory itself, to verify and to export it from a desk.')
param dataReaderPrincipalIds string[] = []

@description('Object id of a user, group or service principal that may also write the directory itself, to import and to repair it from a desk.')
param dataAdminPrincipalId string = ''

@description('First half of the token. Leave the default: a new random value, used only where there is no token yet.')
@secure()
param tokenSeedA string = newGuid()

@description('Second half of the token. Leave the default.')
@secure()
param tokenSeedB string = newGuid()

@description('First half of the operator\'s token, which manages tenants. Leave the default, as for tokenSeedA.')
@secure()
param adminTokenSeedA string = newGuid()

@description('Second half of the operator\'s token. Leave the default.')
@secure()
param adminTokenSeedB string = newGuid()

@description('First half of the key of which the secrets of webhooks are made. Leave the default, as for tokenSeedA.')
@secure()
param webhookKeySeedA string = newGuid()

@description('Second half of that key. Leave the default.')
@secure()
param webhookKeySeedB string = newGuid()

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
@maxValue(10000)
param dailyQuotaGb int = -1

@description('Mail addresses that get alerts. Empty: no alerts.')
param alertEmails string[] = []

@description('Ask the health URL every 15 minutes from outside. Needs alertEmails.')
param enableAvailabilityTest bool = false

@description('Log each write to the tables that somebody makes, whether through the app or around it.')
param logTableWrites bool = false

@description('Forbid the deletion of the storage account that holds the directory. Only an Owner or a User Access Administrator may deploy this.')
param enableResourceLock bool = false

// ---- Answers that Azure would refuse later, with less to say, or take for something else

var letters = 'abcdefghijklmnopqrstuvwxyz'
var prefixCharacters = map(range(0, length(namePrefix)), i => substring(namePrefix, i, 1))
var strangeCharacters = filter(prefixCharacters, character => !contains('${letters}0123456789', character))
var prefix = empty(strangeCharacters) && contains(letters, prefixCharacters[0])
  ? namePrefix
  : fail('namePrefix is "${namePrefix}": give lower-case letters and digits only, a letter first')

// Storage and Key Vault take a single address without a prefix length, and Storage no range of two.
var adminAddresses = map(
  adminIpCidrs,
  cidr =>
    endsWith(cidr, '/31')
      ? fail('adminIpCidrs has ${cidr}: Storage takes no range of two addresses. Give both of them, without a prefix length')
      : endsWith(cidr, '/32') ? replace(cidr, '/32', '') : cidr
)

// The button and `az deployment --template-uri` say where the template was loaded from; a local file says nothing.
var templateAddress = split(deployment().properties.?templateLink.?uri ?? '', '/')
var isOnGitHub = length(templateAddress) > 4 && templateAddress[2] == 'raw.githubusercontent.com'
var origin = empty(repository) && isOnGitHub ? '${templateAddress[3]}/${templateAddress[4]}' : repository
var released = 'https://github.com/${origin}/releases/download/${releaseTag}/released-package.zip'
var needsPackage = !isFlex || deployPackage
var package = needsPackage && empty(packageUri) && empty(origin)
  ? fail('Nothing says where the package is: give repository=OWNER/NAME, whose release ${releaseTag} holds it, or packageUri, or, on FC1, deployPackage=false to bring the code afterwards')
  : !needsPackage ? '' : empty(packageUri) ? released : packageUri

// ---- Names

// Made of the resource group alone, with the prefix beside it: whatever way a deployment comes, it finds what is there.
var suffix = take(uniqueString(resourceGroup().id), 9)
var stem = '${prefix}-${suffix}'
var identityName = 'id-${stem}'
var workspaceName = 'log-${stem}'
var componentName = 'appi-${stem}'
var hostAccountName = '${prefix}host${suffix}'
var dataAccountName = '${prefix}data${suffix}'
var vaultName = 'kv-${stem}'
var planName = 'plan-${stem}'
var functionAppName = 'func-${stem}'
var networkName = 'vnet-${stem}'
var packageContainerName = 'app-package'
var tokenSecretName = 'scim-token'

var identityId = resourceId('Microsoft.ManagedIdentity/userAssignedIdentities', identityName)
var workspaceId = resourceId('Microsoft.OperationalInsights/workspaces', workspaceName)
var networkId = resourceId('Microsoft.Network/virtualNetworks', networkName)
var hostBlobs = 'https://${hostAccountName}.blob.${environment().suffixes.storage}'
var dataTables = 'https://${dataAccountName}.table.${environment().suffixes.storage}'
var dataQueues = 'https://${dataAccountName}.queue.${environment().suffixes.storage}'
var vaultAddress = 'https://${vaultName}${environment().suffixes.keyvaultDns}'

// ---- Choices

var isFlex = hostingPlan == 'FC1'
var hasAlerts = !empty(alertEmails)
// azd finds the app by this tag, which nothing else may have.
var siteTags = union(tags, { 'azd-service-name': 'api' })
var accountSku = zoneRedundant ? 'Standard_ZRS' : storageSku
var appSubnetId = networkIsolation ? '${networkId}/subnets/app' : ''

var entraRules accessRule[] = [
  {
    name: 'entra'
    description: 'Entra provisioning service'
    tag: 'ServiceTag'
    ipAddress: 'AzureActiveDirectory'
    action: 'Allow'
    priority: 100
  }
]
var probeRules accessRule[] = [
  {
    name: 'availability-test'
    description: 'Probes of Application Insights'
    tag: 'ServiceTag'
    ipAddress: 'ApplicationInsightsAvailability'
    action: 'Allow'
    priority: 110
  }
]
var cidrRules accessRule[] = [
  for (cidr, i) in allowedIpCidrs: {
    name: 'own-${i}'
    description: 'allowedIpCidrs'
    tag: 'Default'
    ipAddress: cidr
    action: 'Allow'
    priority: 200 + i
  }
]
var isRestricted = restrictToEntra || !empty(allowedIpCidrs)
var ipRules = concat(
  restrictToEntra ? entraRules : [],
  isRestricted && enableAvailabilityTest && hasAlerts ? probeRules : [],
  cidrRules
)

// Never add AzureWebJobsStorage itself: it wins over the identity form.
var templateSettings = {
  AzureWebJobsStorage__accountName: hostAccountName
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identity.outputs.clientId
  // No page of the host's own at /.
  AzureWebJobsDisableHomepage: 'true'
  // The host reads a body whole before the service can refuse it: four times the service's own limit guards the memory.
  FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: '16777216'
  APPLICATIONINSIGHTS_CONNECTION_STRING: monitoring.outputs.connectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identity.outputs.clientId};Authorization=AAD'
  AZURE_CLIENT_ID: identity.outputs.clientId
  SCIM_STORAGE: dataTables
  SCIM_KEY_VAULT: vaultAddress
  SCIM_TENANT: scimTenant
  // Never add SCIM_HINTS itself, either.
  SCIM_HINTS__queueServiceUri: dataQueues
  SCIM_HINTS__credential: 'managedidentity'
  SCIM_HINTS__clientId: identity.outputs.clientId
  SCIM_CHANGE_RETENTION_DAYS: string(changeRetentionDays)
  SCIM_CONSOLE: console ? 'on' : 'off'
  // One credential has at most half of what an instance serves at a time, while others are served too.
  SCIM_CONCURRENT: string(max(httpPerInstanceConcurrency / 2, 1))
}
var takenSettings = filter(
  objectKeys(additionalAppSettings),
  name =>
    contains(
      map(
        [...objectKeys(templateSettings), 'SCIM_BASE_URL', 'SCIM_HINTS', 'SCIM_MANAGE_ADDRESSES'],
        own => toLower(own)
      ),
      toLower(name)
    )
)
var appSettings = empty(takenSettings)
  ? union(
      templateSettings,
      additionalAppSettings,
      empty(hostName) ? {} : { SCIM_BASE_URL: 'https://${hostName}/scim/v2' },
      empty(manageAddresses) ? {} : { SCIM_MANAGE_ADDRESSES: join(manageAddresses, ',') }
    )
  : fail('additionalAppSettings has ${join(takenSettings, ', ')}: the template sets that itself. Leave it out, or use the parameter for it')

// ---- Resources

module identity 'modules/identity.bicep' = {
  params: {
    name: identityName
    location: location
    tags: tags
  }
}

module monitoring 'modules/monitoring.bicep' = {
  params: {
    workspaceName: workspaceName
    componentName: componentName
    location: location
    tags: tags
    logRetentionDays: logRetentionDays
    dailyQuotaGb: dailyQuotaGb
  }
}

module storage 'modules/storage.bicep' = {
  params: {
    hostAccountName: hostAccountName
    dataAccountName: dataAccountName
    location: location
    tags: tags
    sku: accountSku
    packageContainerName: packageContainerName
    tableName: scimTenant
    isolated: networkIsolation
    adminIpCidrs: adminAddresses
    enableResourceLock: enableResourceLock
    logTableWrites: logTableWrites
    workspaceId: workspaceId
  }
  dependsOn: [monitoring]
}

module keyVault 'modules/key-vault.bicep' = {
  params: {
    name: vaultName
    location: location
    tags: tags
    tokenName: tokenSecretName
    token: '${replace(tokenSeedA, '-', '')}${replace(tokenSeedB, '-', '')}'
    adminToken: '${replace(adminTokenSeedA, '-', '')}${replace(adminTokenSeedB, '-', '')}'
    webhookKey: '${replace(webhookKeySeedA, '-', '')}${replace(webhookKeySeedB, '-', '')}'
    enablePurgeProtection: enablePurgeProtection
    recover: recoverKeyVault
    isolated: networkIsolation
    adminIpCidrs: adminAddresses
    workspaceId: workspaceId
  }
  dependsOn: [monitoring]
}

module roles 'modules/roles.bicep' = {
  params: {
    identityName: identityName
    hostAccountName: hostAccountName
    dataAccountName: dataAccountName
    vaultName: vaultName
    componentName: componentName
    adminPrincipalId: empty(adminPrincipalId) ? deployer().objectId : adminPrincipalId
    dataReaderPrincipalIds: dataReaderPrincipalIds
    dataAdminPrincipalId: dataAdminPrincipalId
  }
  dependsOn: [identity, monitoring, storage, keyVault]
}

module network 'modules/network.bicep' = if (networkIsolation) {
  params: {
    name: networkName
    location: location
    tags: tags
    addressPrefix: virtualNetworkPrefix
    natGateway: natGateway
    appDelegation: isFlex ? 'Microsoft.App/environments' : 'Microsoft.Web/serverFarms'
  }
}

module privateEndpoints 'modules/private-endpoints.bicep' = if (networkIsolation) {
  params: {
    location: location
    tags: tags
    networkId: networkId
    subnetId: '${networkId}/subnets/endpoints'
    hostAccountName: hostAccountName
    dataAccountName: dataAccountName
    vaultName: vaultName
  }
  dependsOn: [network, storage, keyVault]
}

module flexApp 'modules/function-app.bicep' = if (isFlex) {
  params: {
    planName: planName
    name: functionAppName
    location: location
    tags: tags
    siteTags: siteTags
    identityId: identityId
    packageContainerUrl: '${hostBlobs}/${packageContainerName}'
    pythonVersion: pythonVersion
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    httpAlwaysReady: httpAlwaysReady
    deliverAlwaysReady: deliverAlwaysReady
    httpPerInstanceConcurrency: httpPerInstanceConcurrency
    zoneRedundant: zoneRedundant
    updateStrategy: updateStrategy
    subnetId: appSubnetId
    appSettings: appSettings
    ipRules: ipRules
  }
  dependsOn: [roles, privateEndpoints]
}

module premiumApp 'modules/function-app-premium.bicep' = if (!isFlex) {
  params: {
    planName: planName
    name: functionAppName
    location: location
    tags: tags
    siteTags: siteTags
    identityId: identityId
    packageUri: package
    pythonVersion: pythonVersion
    zoneRedundant: zoneRedundant
    subnetId: appSubnetId
    appSettings: appSettings
    ipRules: ipRules
  }
  dependsOn: [roles, privateEndpoints]
}

module code 'modules/package.bicep' = if (isFlex && deployPackage) {
  params: {
    functionAppName: functionAppName
    packageUri: package
  }
  dependsOn: [storage, keyVault, roles, privateEndpoints, flexApp]
}

var ownHostName = isFlex ? flexApp!.outputs.hostName : premiumApp!.outputs.hostName
var clientHostName = empty(hostName) ? ownHostName : hostName
var healthUrl = 'https://${clientHostName}/health'

module alerts 'modules/alerts.bicep' = if (hasAlerts) {
  params: {
    name: stem
    location: location
    tags: tags
    componentName: componentName
    alertEmails: alertEmails
    enableAvailabilityTest: enableAvailabilityTest
    healthUrl: healthUrl
  }
}

// ---- What the administrator needs next

@description('Paste into Entra as Tenant URL.')
output TENANT_URL string = 'https://${clientHostName}/scim/v2'

@description('Run this to see the Secret Token for Entra.')
output GET_TOKEN_COMMAND string = 'az keyvault secret show --vault-name ${vaultName} --name ${tokenSecretName} --query value --output tsv'

@description('The page of the secret in the portal: current version, Show Secret Value.')
output TOKEN_PAGE string = '${environment().portal}/#@${tenant().tenantId}/asset/Microsoft_Azure_KeyVault/Secret/${vaultAddress}/secrets/${tokenSecretName}'

@description('Enterprise applications in the Entra admin center: Tenant URL and token are pasted under Provisioning.')
output ENTRA_PAGE string = 'https://entra.microsoft.com/#view/Microsoft_AAD_IAM/StartboardApplicationsMenuBlade/~/AppAppsPreview'

@description('How to connect Entra, step by step, for this release.')
output DOCUMENTATION string = empty(repository) && !isOnGitHub
  ? ''
  : 'https://github.com/${origin}/blob/${releaseTag}/docs/entra.md'

@description('Answers 200 while storage and token are reachable; needs no token.')
output HEALTH_URL string = healthUrl

@description('Vault of the token.')
output KEY_VAULT_NAME string = vaultName

@description('Name of the secret in that vault.')
output TOKEN_SECRET_NAME string = tokenSecretName

@description('Function app.')
output FUNCTION_APP_NAME string = functionAppName

@description('Storage account of the directory.')
output DATA_STORAGE_ACCOUNT string = dataAccountName

@description('Azure region.')
output AZURE_LOCATION string = location

@description('Entra tenant of the subscription.')
output AZURE_TENANT_ID string = subscription().tenantId
