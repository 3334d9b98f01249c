// The parser of imta.cnf: rewrite rules, one blank line, channel blocks.
#pragma once

#include <string>
#include <vector>

#include "mta/config/channel.h"
#include "mta/config/rule_set.h"
#include "mta/config/source.h"

namespace waxwing::mta {

struct ImtaCnf {
  RuleSet rules;
  std::vector<Channel> channels;  // in file order
};

// Errors name file, line, what and mend; warnings what is legal but without effect. Goes on after an error,
// so that one run shows them all. What is answered is complete only when no error was added.
ImtaCnf parse_imta_cnf(const SourceSet& sources, std::vector<std::string>& errors,
                       std::vector<std::string>& warnings);

}  // namespace waxwing::mta
