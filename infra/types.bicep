// The shapes of parameters that several files share: a wrong one is refused before anything is made.

@export()
@description('Tags of a resource, by name.')
type tagsByName = {
  *: string
}

@export()
@description('App settings, by name.')
type settingsByName = {
  *: string
}

@export()
@description('Who may call the app, as an access restriction of App Service.')
type accessRule = {
  name: string
  description: string
  tag: 'Default' | 'ServiceTag'
  ipAddress: string
  action: 'Allow'
  priority: int
}
