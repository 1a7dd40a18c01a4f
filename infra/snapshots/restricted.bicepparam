using '../main.bicep'

// Entra, own ranges and the probes of the alerts, and nobody else.
param repository = 'contoso/entra-scim-functions'
param restrictToEntra = true
param allowedIpCidrs = ['203.0.113.7/32', '198.51.100.0/24']
param alertEmails = ['idm@contoso.example']
param enableAvailabilityTest = true
param console = false
param manageAddresses = ['203.0.113.7', '2001:db8::/32']
param hostName = 'scim.contoso.example'
param tags = { costCenter: '4711' }
param additionalAppSettings = { SCIM_FILTERABLE: 'User.userName,Group.displayName' }
