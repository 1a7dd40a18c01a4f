// The code, in the same deployment. Azure fetches the zip and writes it into the package container with the identity
// of the app, so the roles must be there first.

@description('Function app on Flex Consumption that takes the package.')
param functionAppName string

@description('URL of released-package.zip; Azure must be able to read it without a login.')
param packageUri string

resource site 'Microsoft.Web/sites@2024-11-01' existing = {
  name: functionAppName
}

resource package 'Microsoft.Web/sites/extensions@2024-11-01' = {
  parent: site
  name: 'onedeploy'
  // The service takes these properties, the published type does not list them.
  #disable-next-line BCP187
  properties: {
    packageUri: packageUri
    // The dependencies are in the zip.
    remoteBuild: false
  }
}
