// Lays out an instance: folders, configuration from the templates, certificate, directory, commands.
#pragma once

#include <string>

#include "tools/configure/settings.h"

namespace waxwing::configure {

// stage: the installed tree (bin, lib, etc, man). Every step says itself on standard output unless quiet.
Result<> make_instance(const Settings& settings, const std::string& stage);

// Parts of it, each with its own test.
std::string msg_conf_text(const Settings& settings);  // without the directory's lines
std::string quoted(const std::string& value);         // for a line that a shell reads, whatever is in it
std::string fill_template(std::string text, const Settings& settings);
std::string env_text(const Settings& settings, const std::string& ldap_url);
std::string bench_env_text(const Settings& settings);

}  // namespace waxwing::configure
