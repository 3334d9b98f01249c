// Makes a MtaConfig from texts and checks what only the whole can show. Private to mta/config.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "mta/config/mta_config.h"

namespace waxwing::mta {

class MtaConfigBuilder {
 public:
  explicit MtaConfigBuilder(SourceSet sources);
  Result<std::shared_ptr<const MtaConfig>> build(std::string build_id, std::string root);

 private:
  void index_channels();
  void check_lists();
  void read_circuits();
  void check_circuits();
  void check_table_flags();
  void check_rules();
  void check_rule(const RewriteRule& rule);
  void check_steps(const RewriteRule& rule, const std::vector<Step>& steps);
  void check_channels();
  void read_header_options();
  void names();
  void read_comment_marks();
  void check_options();
  void read_directory_options();

  std::shared_ptr<MtaConfig> config_;
  std::vector<std::string> errors_;
};

}  // namespace waxwing::mta
